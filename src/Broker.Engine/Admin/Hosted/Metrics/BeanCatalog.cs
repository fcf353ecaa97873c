namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>Every family of MBeans that a broker has. Immutable; thread-safe.</summary>
internal static partial class BeanCatalog
{
    private const string Server = "kafka.server";

    public static IReadOnlyList<BeanFamily> All => field ??=
    [
        .. ServerFamilies(), .. TopicFamilies(), .. ReplicaFamilies(), .. LogFamilies(), .. CleanerFamilies(), .. NetworkFamilies(), .. RequestFamilies(),
        .. ControllerFamilies(), .. GroupFamilies(),
    ];

    private static BeanFamily Gauge(string domain, string type, string name, Func<BrokerServer, long> value) =>
        new(domain, type, name, BeanKind.Gauge, (broker, sink) => sink.Gauge(default, value(broker)));

    private static BeanFamily Ratio(string domain, string type, string name, Func<BrokerServer, double> value) =>
        new(domain, type, name, BeanKind.Gauge, (broker, sink) => sink.Gauge(default, value(broker)));

    private static BeanFamily Text(string domain, string type, string name, Func<BrokerServer, string> value) =>
        new(domain, type, name, BeanKind.Gauge, (broker, sink) => sink.Gauge(default, value(broker)));

    private static BeanFamily Meter(string domain, string type, string name, Func<BrokerServer, Diagnostics.Meter> meter) =>
        new(domain, type, name, BeanKind.Meter, (broker, sink) => sink.Meter(default, meter(broker)));

    private static BeanFamily Own(string domain, string type, string[] attributes, Action<BrokerServer, BeanSink> collect) =>
        new(domain, type, null, BeanKind.Attributes, collect) { Attributes = attributes };
}
