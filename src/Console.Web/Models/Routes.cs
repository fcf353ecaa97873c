using System.Globalization;
using System.Text;

namespace WebConsole.Models;

/// <summary>The console's addresses. Pages and tests take them from here. Stateless and thread-safe.</summary>
public static class Routes
{
    public const string Overview = "/";
    public const string Brokers = "/brokers";
    public const string BrokerDefaults = "/brokers/defaults";
    public const string Topics = "/topics";
    public const string Messages = "/messages";
    public const string Groups = "/groups";
    public const string Segments = "/segments";
    public const string Timers = "/timers";
    public const string Cleaner = "/cleaner";
    public const string Replication = "/replication";
    public const string RestApi = "/api";
    public const string Metrics = "/metrics";
    public const string Jmx = "/jmx";

    public static string Broker(int id, string? tab = null) => With($"/brokers/{id.ToString(CultureInfo.InvariantCulture)}", ("tab", tab));

    public static string Topic(string name, string? tab = null) => With("/topics/" + Uri.EscapeDataString(name), ("tab", tab));

    public static string Group(string id) => "/groups/" + Uri.EscapeDataString(id);

    public static string MessagesOf(string topic, int? partition = null, long? offset = null) => With(
        Messages, ("topic", topic), ("partition", Number(partition)), ("from", offset is null ? null : "offset"), ("offset", Number(offset)));

    public static string SegmentsOf(string topic, int? partition = null, long? segment = null) =>
        With(Segments, ("topic", topic), ("partition", Number(partition)), ("segment", Number(segment)));

    public static string ReplicationOf(string? tab = null, string? filter = null, string? q = null, int? broker = null, int? skip = null) => With(
        Replication, ("tab", tab), ("filter", filter), ("q", q), ("broker", Number(broker)), ("skip", skip is > 0 ? Number(skip) : null));

    public static string CleanerOf(int broker) => With(Cleaner, ("broker", Number(broker)));

    public static string TimersOf(int broker, string? purgatory = null) =>
        With(Timers, ("broker", Number(broker)), ("purgatory", purgatory));

    /// <summary>A path with the parameters that have a value.</summary>
    public static string With(string path, params (string Name, string? Value)[] parameters)
    {
        var text = new StringBuilder(path);
        char separator = '?';
        foreach ((string name, string? value) in parameters)
        {
            if (!string.IsNullOrEmpty(value))
            {
                text.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
                separator = '&';
            }
        }
        return text.ToString();
    }

    /// <summary>A name from a route value. Kestrel leaves an escaped slash as it came; the browser's router does not.</summary>
    public static string Name(string routeValue) => routeValue.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    private static string? Number(long? value) => value?.ToString(CultureInfo.InvariantCulture);
}
