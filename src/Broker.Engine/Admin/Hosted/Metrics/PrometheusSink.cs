using System.Text;
using System.Text.RegularExpressions;
using Broker.Engine.Diagnostics;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>
/// Writes beans in Prometheus' text format, by the rules of the JMX exporter's example for Kafka: a meter is its count, a
/// histogram its percentiles and its count, a gauge its value; text is left out. Lines of one name stand together. Not
/// thread-safe.
/// </summary>
/// <param name="text">Where they go.</param>
internal sealed partial class PrometheusSink(Utf8Text text) : BeanSink, IDisposable
{
    private static readonly string[] s_quantiles = ["0.50", "0.75", "0.95", "0.98", "0.99", "0.999"];

    /// <summary>Lines of a histogram's count, which come after those of its percentiles.</summary>
    private readonly Utf8Text _counts = new();
    private readonly Dictionary<string, byte[]> _labels = new(StringComparer.Ordinal);
    private byte[] _brokerLabel = [];
    private string _name = "";
    private byte[] _nameUtf8 = [];
    private int _attribute;

    [GeneratedRegex("[^a-zA-Z0-9_]")]
    private static partial Regex NotInNames();

    private static string Clean(string name) => NotInNames().Replace(name, "_");

    /// <summary>Writes a family of every broker.</summary>
    public void Write(BeanFamily family, IReadOnlyList<BrokerServer> brokers)
    {
        if (family.Kind == BeanKind.Attributes)
        {
            for (_attribute = 0; _attribute < family.Attributes.Count; _attribute++)
            {
                string attribute = family.Attributes[_attribute];
                Write(family, brokers, NameOf(family, attribute), attribute, IsTotal(attribute));
            }
            return;
        }
        string bean = NameOf(family, family.Name!);
        switch (family)
        {
            case { Name: "RequestHandlerAvgIdlePercent" or "BrokerRequestHandlerAvgIdlePercent" }:
                Write(family, brokers, bean.Replace("percent", "_percent", StringComparison.Ordinal), "MeanRate", isCounter: false);
                break;
            case { Kind: BeanKind.Meter }:
                Write(
                    family, brokers, bean.EndsWith("persec", StringComparison.Ordinal) ? $"{bean[..^6]}_total" : $"{bean}_count", "Count",
                    isCounter: true);
                break;
            case { Kind: BeanKind.Gauge }:
                Write(family, brokers, bean, "Value", isCounter: false);
                break;
            default:
                Write(family, brokers, bean, "percentiles", isCounter: false);
                if (_counts.Length > 0)
                {
                    Head(family, $"{bean}_count", "Count", isCounter: true);
                    text.Add(_counts.Written.Span);
                    _counts.Clear();
                }
                break;
        }
    }

    private static bool IsTotal(string attribute) =>
        attribute.EndsWith("-total", StringComparison.Ordinal) || attribute.EndsWith("-killed-count", StringComparison.Ordinal)
        || (attribute.EndsWith("-count", StringComparison.Ordinal) && attribute is not ("connection-count" or "group-count"));

    private static string NameOf(BeanFamily family, string last) => family is { Type: "socket-server-metrics" } && last == "connections"
        ? "kafka_server_socket_server_metrics_connections_software"
        : Clean($"{family.Domain}_{family.Type}_{last}").ToLowerInvariant();

    private void Write(BeanFamily family, IReadOnlyList<BrokerServer> brokers, string name, string attribute, bool isCounter)
    {
        _name = name;
        _nameUtf8 = Encoding.ASCII.GetBytes(name);
        int start = text.Length;
        Head(family, name, attribute, isCounter);
        int empty = text.Length;
        foreach (BrokerServer broker in brokers)
        {
            Begin(broker.Id, family);
            family.Collect(broker, this);
        }
        if (text.Length == empty)
        {
            text.Advance(start - empty);   // nothing to tell: no head either
        }
    }

    private void Head(BeanFamily family, string name, string attribute, bool isCounter)
    {
        string bean = family.Name is null ? $"{family.Domain}:type={family.Type}" : $"{family.Domain}:type={family.Type},name={family.Name}";
        Head(text, name, $"{attribute} of {bean}", isCounter ? "counter" : "gauge");
    }

    public static void Head(Utf8Text text, string name, string help, string type) => text
        .Add("# HELP "u8).Add(name).Add(" "u8).Add(help).Add("\n# TYPE "u8).Add(name).Add(" "u8).Add(type).Add("\n"u8);

    private Utf8Text Line(Utf8Text to, ReadOnlySpan<byte> suffix, in Tags tags, string? quantile = null)
    {
        to.Add(_nameUtf8).Add(suffix).Add("{"u8);
        for (int i = 0; i < tags.Count; i++)
        {
            Tag tag = tags[i];
            to.Add(LabelOf(tag.Key));
            _ = tag.Text is { } value ? to.AddEscaped(value) : to.Add((long)tag.Number);
            to.Add("\","u8);
        }
        to.Add(_brokerLabel);
        if (quantile is not null)
        {
            to.Add("\",quantile=\""u8).Add(quantile);
        }
        return to.Add("\"} "u8);
    }

    public override void Begin(int broker, BeanFamily family)
    {
        base.Begin(broker, family);
        _brokerLabel = Encoding.ASCII.GetBytes($"broker=\"{broker}");
    }

    /// <summary>A label's name with what stands before its value; there are few, and each is made once.</summary>
    private byte[] LabelOf(string key)
    {
        if (!_labels.TryGetValue(key, out byte[]? label))
        {
            _labels.Add(key, label = Encoding.ASCII.GetBytes($"{Clean(key)}=\""));
        }
        return label;
    }

    public override void Gauge(in Tags tags, double value) => Line(text, default, tags).Add(value).Add("\n"u8);

    public override void Gauge(in Tags tags, long value) => Line(text, default, tags).Add(value).Add("\n"u8);

    public override void Gauge(in Tags tags, string value) { }

    public override void Meter(in Tags tags, Meter meter)
    {
        if (_name.EndsWith("_percent", StringComparison.Ordinal))
        {
            Line(text, default, tags).Add(meter.MeanRate).Add("\n"u8);
            return;
        }
        Line(text, default, tags).Add(meter.Count).Add("\n"u8);
    }

    public override void Histogram(in Tags tags, Histogram histogram)
    {
        HistogramFigures figures = histogram.Read();
        for (int i = 0; i < s_quantiles.Length; i++)
        {
            Line(text, default, tags, s_quantiles[i]).Add(figures.Quantile(i)).Add("\n"u8);
        }
        Line(_counts, "_count"u8, tags).Add(figures.Count).Add("\n"u8);
    }

    public override void Timer(in Tags tags, LatencyTimer timer) => Histogram(tags, timer.Times);

    public override void Attributes(in Tags tags, ReadOnlySpan<AttributeValue> values)
    {
        AttributeValue value = values[_attribute];
        if (value.Text is null)
        {
            Line(text, default, tags).Add(value.Number).Add("\n"u8);
        }
    }

    public void Dispose() => _counts.Dispose();
}
