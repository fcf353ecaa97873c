using Broker.Engine.Diagnostics;

namespace Broker.Engine.Tests.Diagnostics;

public sealed class HistogramTests
{
    private readonly HistogramShard _shard = new(shift: 0);
    private readonly Histogram _histogram;

    public HistogramTests() => _histogram = new Histogram(() => [_shard], scale: 1, shift: 0);

    [Fact]
    public void Read_OfNothing_IsZero() => Assert.Equal(default, _histogram.Read());

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(1_000_003)]
    [InlineData(int.MaxValue)]
    public void Buckets_OfAnyValue_HoldIt(long value)
    {
        int bucket = HistogramShard.BucketOf((ulong)value);
        Assert.InRange(value, HistogramShard.LowerBound(bucket), HistogramShard.LowerBound(bucket + 1) - 1);
        Assert.InRange(HistogramShard.LowerBound(bucket + 1) / Math.Max(8.0, HistogramShard.LowerBound(bucket)), 0, 1.126);
    }

    [Fact]
    public void Buckets_OfTheLargestValue_AreTheLast() =>
        Assert.Equal(HistogramShard.BucketCount - 1, HistogramShard.BucketOf(ulong.MaxValue));

    [Fact]
    public void Read_OfAThousandValues_KnowsThemToSixPercent()
    {
        for (int i = 1; i <= 1000; i++)
        {
            _shard.Record(i);
        }
        HistogramFigures figures = _histogram.Read();
        Assert.Equal(1000, figures.Count);
        Assert.Equal(1, figures.Min);
        Assert.Equal(1000, figures.Max);
        Assert.Equal(500.5, figures.Mean, 6);
        Assert.InRange(figures.StdDev, 288, 290);
        Assert.InRange(figures.P50, 470, 530);
        Assert.InRange(figures.P75, 705, 795);
        Assert.InRange(figures.P95, 893, 1000);
        Assert.InRange(figures.P99, 930, 1000);
        Assert.InRange(figures.P999, 940, 1000);
    }

    [Fact]
    public void Percentiles_OfOneValue_AreIt()
    {
        _shard.Record(1_000_003);
        HistogramFigures figures = _histogram.Read();
        Assert.All([figures.P50, figures.P99, figures.P999], p => Assert.Equal(1_000_003, p));
    }

    [Fact]
    public void Percentiles_AfterMinutes_ForgetWhatWasOnce()
    {
        for (int i = 0; i < 1000; i++)
        {
            _shard.Record(1_000_000);
        }
        for (int i = 0; i < 120; i++)   // ten minutes
        {
            _shard.Record(10);
            _histogram.Tick();
        }
        HistogramFigures figures = _histogram.Read();
        Assert.InRange(figures.P50, 10, 11);
        Assert.Equal(1_000_000, figures.Max);
        Assert.Equal(1120, figures.Count);
    }

    /// <summary>The old weigh e^(-0.015 t) of the new: after 46 s half.</summary>
    [Theory]
    [InlineData(9, true)]
    [InlineData(10, false)]
    public void Percentiles_OfOldAndHalfAsManyNew_TurnAfter46Seconds(int ticks, bool oldStillLead)
    {
        Record(1000, 100);
        for (int i = 0; i < ticks; i++)
        {
            _histogram.Tick();
        }
        // The first tick only takes the values in: they lose weight from the second on.
        _histogram.Tick();
        Record(10, 50);
        Assert.Equal(oldStillLead, _histogram.Read().P50 > 500);
    }

    [Fact]
    public void Read_WhereZerosAreNotRecorded_KnowsThemFromTheTotal()
    {
        Record(8, 10);
        var histogram = new Histogram(() => [_shard], scale: 1, shift: 0, total: () => 40);
        histogram.Tick();
        HistogramFigures figures = histogram.Read();
        Assert.Equal((40, 0, 8, 2), (figures.Count, figures.Min, figures.Max, figures.Mean));
        Assert.InRange(figures.P50, 0, 1);
        Assert.Equal(8, figures.P95);
    }

    private void Record(long value, int times)
    {
        for (int i = 0; i < times; i++)
        {
            _shard.Record(value);
        }
    }

    [Fact]
    public void Record_InSteadyState_AllocatesNothing()
    {
        Record(5, 10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Record(123_456, 1000);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
