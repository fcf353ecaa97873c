using Broker.Engine.Diagnostics;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Diagnostics;

/// <summary>Meters move as Yammer's do, on a clock that stands until it is moved.</summary>
public sealed class MeterTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    private void Pass(Meter meter, int ticks)
    {
        for (int i = 0; i < ticks; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(Meter.TickSeconds));
            meter.Tick();
        }
    }

    [Fact]
    public void Rates_BeforeTheFirstTick_AreZero()
    {
        var meter = new Meter(_time, "requests");
        meter.Mark(3);
        Assert.Equal(3, meter.Count);
        Assert.Equal(0, meter.OneMinuteRate);
        Assert.Equal(0, meter.MeanRate);
    }

    [Fact]
    public void Rates_AfterTheFirstTick_AreTheRateOfItsInterval()
    {
        var meter = new Meter(_time, "requests");
        meter.Mark(3);
        Pass(meter, 1);
        Assert.Equal(0.6, meter.OneMinuteRate, 9);
        Assert.Equal(0.6, meter.FiveMinuteRate, 9);
        Assert.Equal(0.6, meter.FifteenMinuteRate, 9);
        Assert.Equal(0.6, meter.MeanRate, 9);
    }

    /// <summary>Three events, then none: what Yammer's own EWMA comes to, which is 0.6 e^(-t/T).</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(15)]
    public void Rates_AfterMinutesOfSilence_DecayByE(int minutes)
    {
        var meter = new Meter(_time, "requests");
        meter.Mark(3);
        Pass(meter, 1 + (minutes * 12));
        double rate = minutes switch { 1 => meter.OneMinuteRate, 5 => meter.FiveMinuteRate, _ => meter.FifteenMinuteRate };
        Assert.Equal(0.6 / Math.E, rate, 9);
    }

    [Fact]
    public void Share_OfTimeHalfIdle_IsHalf()
    {
        long idleNs = 0;
        var meter = new ShareMeter(_time, "percent", () => idleNs);
        for (int i = 0; i < 3; i++)
        {
            idleNs += 2_500_000_000;
            Pass(meter, 1);
        }
        Assert.Equal("NANOSECONDS", meter.RateUnit);
        Assert.Equal(0.5, meter.OneMinuteRate, 9);
        Assert.Equal(0.5, meter.MeanRate, 9);
    }

    [Fact]
    public void Window_ReadAtAnyTime_IsNotChangedByReading()
    {
        var window = new RateWindow();
        Assert.True(double.IsNaN(window.Slope(5, 5)));
        for (int i = 0; i <= 10; i++)
        {
            window.Sample(i * 100, i * 10);
            _ = window.Slope(i * 100, i * 10);
            Assert.Equal(i == 0 ? double.NaN : 10, window.Slope(i * 100, i * 10));
        }
        Assert.Equal(4, window.Slope(1020, 180), 3);   // the oldest kept is 500 at 50
        Assert.Equal(4, window.Slope(1020, 180), 3);
    }

    [Fact]
    public void AllTopics_WhenATopicGoes_KeepWhatItCounted()
    {
        List<TopicMetrics> topics = [new TopicMetrics(_time), new TopicMetrics(_time)];
        var all = new AllTopicsMetrics(_time, () => topics);
        topics[0].Produced(10, 1000);
        topics[1].Produced(5, 500);
        Assert.Equal(15, all.Of(TopicMeter.MessagesIn).Count);
        all.Forget(topics[0], () => topics.RemoveAt(0));
        Assert.Equal(15, all.Of(TopicMeter.MessagesIn).Count);
        Assert.Equal(1500, all.Of(TopicMeter.BytesIn).Count);
        Assert.Null(topics[0].Find(TopicMeter.BytesRejected));
    }
}
