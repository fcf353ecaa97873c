using Broker.Engine.Diagnostics;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>What kind of MBean it is, which says its attributes.</summary>
internal enum BeanKind
{
    /// <summary>Yammer's gauge: Value.</summary>
    Gauge,

    /// <summary>Yammer's meter: Count and rates.</summary>
    Meter,

    /// <summary>Yammer's histogram: Count, extremes, percentiles.</summary>
    Histogram,

    /// <summary>Yammer's timer: meter and histogram.</summary>
    Timer,

    /// <summary>Kafka's own: a bean with attributes by name.</summary>
    Attributes,
}

/// <summary>
/// The MBeans of one domain, type and name: they differ by further keys, their tags. Both exports go by this list; it holds no
/// state.
/// </summary>
/// <param name="Domain">kafka.server ...</param>
/// <param name="Type">The key type.</param>
/// <param name="Name">The key name; null for <see cref="BeanKind.Attributes"/>.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Collect">Tells the sink every bean of a broker.</param>
internal sealed record BeanFamily(string Domain, string Type, string? Name, BeanKind Kind, Action<BrokerServer, BeanSink> Collect)
{
    /// <summary>Names of the attributes of a bean of Kafka's own.</summary>
    public IReadOnlyList<string> Attributes { get; init; } = [];
}

/// <summary>A key of an object name beyond type and name: text, or a number that is only made text when written.</summary>
internal readonly record struct Tag(string Key, string? Text, int Number);

/// <summary>Up to four tags, in the order of the object name.</summary>
internal readonly struct Tags
{
    private readonly Tag _first;
    private readonly Tag _second;
    private readonly Tag _third;
    private readonly Tag _fourth;

    private Tags(in Tags before, Tag next)
    {
        this = before;
        Count = before.Count + 1;
        switch (before.Count)
        {
            case 0: _first = next; break;
            case 1: _second = next; break;
            case 2: _third = next; break;
            default: _fourth = next; break;
        }
    }

    public int Count { get; }

    public Tag this[int index] => index switch { 0 => _first, 1 => _second, 2 => _third, _ => _fourth };

    public Tags And(string key, string value) => new(this, new Tag(key, value, 0));

    public Tags And(string key, int value) => new(this, new Tag(key, null, value));
}

/// <summary>Takes beans. One family at a time; not thread-safe.</summary>
internal abstract class BeanSink
{
    /// <summary>The broker and family that what follows belongs to.</summary>
    public virtual void Begin(int broker, BeanFamily family)
    {
        Broker = broker;
        Family = family;
    }

    protected int Broker { get; private set; }

    protected BeanFamily Family { get; private set; } = null!;

    public abstract void Gauge(in Tags tags, double value);

    public abstract void Gauge(in Tags tags, long value);

    /// <summary>A gauge whose value is no number.</summary>
    public abstract void Gauge(in Tags tags, string value);

    public abstract void Meter(in Tags tags, Meter meter);

    public abstract void Histogram(in Tags tags, Histogram histogram);

    public abstract void Timer(in Tags tags, LatencyTimer timer);

    /// <summary>A bean of Kafka's own; values in the order of the family's attributes, text or number.</summary>
    public abstract void Attributes(in Tags tags, ReadOnlySpan<AttributeValue> values);
}

/// <summary>The value of an attribute: text when it is not null, else a number.</summary>
internal readonly record struct AttributeValue(string? Text, double Number)
{
    public static implicit operator AttributeValue(double value) => new(null, value);

    public static implicit operator AttributeValue(string value) => new(value, 0);
}

/// <summary>Counts beans (yammer-metrics-count) and the attributes of Kafka's own (kafka-metrics-count).</summary>
internal sealed class CountingSink : BeanSink
{
    public int Beans { get; private set; }

    public int OwnAttributes { get; private set; }

    public override void Gauge(in Tags tags, double value) => Beans++;

    public override void Gauge(in Tags tags, long value) => Beans++;

    public override void Gauge(in Tags tags, string value) => Beans++;

    public override void Meter(in Tags tags, Meter meter) => Beans++;

    public override void Histogram(in Tags tags, Histogram histogram) => Beans++;

    public override void Timer(in Tags tags, LatencyTimer timer) => Beans++;

    public override void Attributes(in Tags tags, ReadOnlySpan<AttributeValue> values) => OwnAttributes += values.Length;
}
