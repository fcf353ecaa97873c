using System.Text.Json;
using Broker.Engine.Diagnostics;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>Writes the beans that a pattern names as JSON, in the shape of the common JMX servlets, with the broker's id beside the
/// name. Not thread-safe.</summary>
internal sealed class JmxSink(JmxPattern pattern, Utf8JsonWriter json) : BeanSink
{
    private readonly Utf8Text _name = new();

    private bool BeginBean(in Tags tags)
    {
        if (!pattern.Matches(Family, tags))
        {
            return false;
        }
        _name.Clear();
        _name.Add(Family.Domain).Add(":type="u8).Add(Family.Type);
        if (Family.Name is { } name)
        {
            _name.Add(",name="u8).Add(name);
        }
        for (int i = 0; i < tags.Count; i++)
        {
            Tag tag = tags[i];
            _name.Add(","u8).Add(tag.Key).Add("="u8);
            _ = tag.Text is { } text ? _name.Add(JmxPattern.Quoted(text)) : _name.Add((long)tag.Number);
        }
        json.WriteStartObject();
        json.WriteString("name"u8, _name.Written.Span);
        json.WriteNumber("broker"u8, Broker);
        return true;
    }

    public override void Gauge(in Tags tags, double value)
    {
        if (BeginBean(tags))
        {
            Number("Value", value);
            json.WriteEndObject();
        }
    }

    public override void Gauge(in Tags tags, long value)
    {
        if (BeginBean(tags))
        {
            json.WriteNumber("Value"u8, value);
            json.WriteEndObject();
        }
    }

    public override void Gauge(in Tags tags, string value)
    {
        if (BeginBean(tags))
        {
            json.WriteString("Value"u8, value);
            json.WriteEndObject();
        }
    }

    public override void Meter(in Tags tags, Meter meter)
    {
        if (BeginBean(tags))
        {
            json.WriteNumber("Count"u8, meter.Count);
            Rates(meter);
            json.WriteEndObject();
        }
    }

    public override void Histogram(in Tags tags, Histogram histogram)
    {
        if (BeginBean(tags))
        {
            Figures(histogram.Read());
            json.WriteEndObject();
        }
    }

    public override void Timer(in Tags tags, LatencyTimer timer)
    {
        if (BeginBean(tags))
        {
            Figures(timer.Times.Read());
            Rates(timer.Meter);
            json.WriteString("LatencyUnit"u8, "MILLISECONDS"u8);
            json.WriteEndObject();
        }
    }

    public override void Attributes(in Tags tags, ReadOnlySpan<AttributeValue> values)
    {
        if (!BeginBean(tags))
        {
            return;
        }
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i].Text is { } text)
            {
                json.WriteString(Family.Attributes[i], text);
            }
            else
            {
                Number(Family.Attributes[i], values[i].Number);
            }
        }
        json.WriteEndObject();
    }

    private void Rates(Meter meter)
    {
        json.WriteString("EventType"u8, meter.EventType);
        Number("FifteenMinuteRate", meter.FifteenMinuteRate);
        Number("FiveMinuteRate", meter.FiveMinuteRate);
        Number("MeanRate", meter.MeanRate);
        Number("OneMinuteRate", meter.OneMinuteRate);
        json.WriteString("RateUnit"u8, meter.RateUnit);
    }

    private void Figures(in HistogramFigures figures)
    {
        Number("50thPercentile", figures.P50);
        Number("75thPercentile", figures.P75);
        Number("95thPercentile", figures.P95);
        Number("98thPercentile", figures.P98);
        Number("99thPercentile", figures.P99);
        Number("999thPercentile", figures.P999);
        json.WriteNumber("Count"u8, figures.Count);
        Number("Max", figures.Max);
        Number("Mean", figures.Mean);
        Number("Min", figures.Min);
        Number("StdDev", figures.StdDev);
    }

    /// <summary>JSON knows no NaN: it is text, as the servlets write it.</summary>
    private void Number(string name, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteString(name, double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
        }
    }

    public void Release() => _name.Dispose();
}
