using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Writes the brokers' MBeans for Prometheus, by the rules of the JMX exporter's example for Kafka, and as JSON.
/// Thread-safe.</summary>
internal sealed partial class MetricsDoor(HostedCluster cluster) : IMetricsDoor
{
    [GeneratedRegex("[^a-zA-Z0-9_]")]
    private static partial Regex NotInNames();

    private IEnumerable<(int Broker, MetricBean Bean)> Beans(int? brokerId) => cluster.Brokers
        .Where(b => brokerId is null || b.Id == brokerId)
        .Select(b => b.Server).OfType<BrokerServer>()
        .SelectMany(b => MetricBeans.Of(b).Select(bean => (b.Id, bean)));

    public void WritePrometheus(Stream destination)
    {
        using var text = new StreamWriter(destination, new UTF8Encoding(false), 64 * 1024, leaveOpen: true) { NewLine = "\n" };
        var families = new SortedDictionary<string, (string Type, List<string> Lines)>(StringComparer.Ordinal);
        foreach ((int broker, MetricBean bean) in Beans(null))
        {
            foreach ((string attribute, double value) in bean.Attributes)
            {
                if (Name(bean, attribute) is not { } name)
                {
                    continue;
                }
                if (!families.TryGetValue(name, out (string Type, List<string> Lines) family))
                {
                    families.Add(name, family = (bean.IsCounter ? "counter" : "gauge", []));
                }
                family.Lines.Add($"{name}{{{Labels(bean, broker)}}} {value.ToString("R", CultureInfo.InvariantCulture)}");
            }
        }
        foreach ((string name, (string type, List<string> lines)) in families)
        {
            text.WriteLine($"# TYPE {name} {type}");
            lines.ForEach(text.WriteLine);
        }
        foreach ((string name, string type, double value) in MetricBeans.OfProcess(cluster.StartedAt))
        {
            text.WriteLine($"# TYPE {name} {type}");
            text.WriteLine($"{name} {value.ToString("R", CultureInfo.InvariantCulture)}");
        }
    }

    /// <summary>Null for attributes that the exporter leaves out.</summary>
    private static string? Name(MetricBean bean, string attribute)
    {
        string type = bean.Keys[0].Value;
        string? name = bean.Keys.FirstOrDefault(k => k.Key == "name").Value;
        if (name is null)
        {
            return Clean($"{bean.Domain}_{type}_{attribute}");
        }
        if (!bean.IsCounter)
        {
            return Clean($"{bean.Domain}_{type}_{name}");
        }
        return attribute == "Count"
            ? Clean($"{bean.Domain}_{type}_{(name.EndsWith("PerSec", StringComparison.Ordinal) ? name[..^6] : name)}_total") : null;
    }

    private static string Clean(string name) => NotInNames().Replace(name, "_").ToLowerInvariant();

    private static string Labels(MetricBean bean, int broker) => string.Join(',', bean.Keys
        .Where(k => k.Key is not ("type" or "name"))
        .Select(k => $"{NotInNames().Replace(k.Key, "_")}=\"{k.Value.Replace("\\", "\\\\").Replace("\"", "\\\"")}\"")
        .Append($"broker=\"{broker}\""));

    public void WriteJmx(string? query, int? brokerId, Stream destination)
    {
        Regex? wanted = string.IsNullOrEmpty(query) ? null : Pattern(query);
        using var json = new Utf8JsonWriter(destination, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteStartArray("beans");
        foreach ((int broker, MetricBean bean) in Beans(brokerId))
        {
            string name = bean.ObjectName;
            if (wanted is not null && !wanted.IsMatch(name))
            {
                continue;
            }
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteNumber("broker", broker);
            foreach ((string attribute, double value) in bean.Attributes)
            {
                json.WriteNumber(attribute, value);
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>An object name pattern: * and ? in values, and a last ,* for any further keys.</summary>
    private static Regex Pattern(string query)
    {
        bool more = query.EndsWith(",*", StringComparison.Ordinal);
        string escaped = Regex.Escape(more ? query[..^2] : query).Replace("\\*", "[^,]*").Replace("\\?", "[^,]");
        return new Regex($"^{escaped}{(more ? "(,.*)?" : "")}$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
    }
}
