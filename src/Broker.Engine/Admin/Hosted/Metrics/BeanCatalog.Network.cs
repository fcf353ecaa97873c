using System.Diagnostics;
using Broker.Engine.Diagnostics;
using Broker.Engine.Network;
using Broker.Engine.Transport;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>Connections and the threads that serve them.</summary>
internal static partial class BeanCatalog
{
    private const string NetworkDomain = "kafka.network";
    private const string SocketServerMetrics = "socket-server-metrics";

    /// <summary>What Kafka's Selector shows, in the order of <see cref="Processor"/>; names of Kafka 3 and 4.</summary>
    private static readonly string[] s_selector =
    [
        "connection-count", "connection-creation-rate", "connection-creation-total", "connection-close-rate", "connection-close-total",
        "incoming-byte-rate", "incoming-byte-total", "outgoing-byte-rate", "outgoing-byte-total",
        "network-io-rate", "network-io-total", "request-rate", "request-total", "request-size-avg", "request-size-max",
        "response-rate", "response-total", "select-rate", "select-total",
        "io-ratio", "io-time-ns-avg", "io-time-ns-total", "iotime-total",
        "io-wait-ratio", "io-wait-time-ns-avg", "io-wait-time-ns-total", "io-waittime-total", "expired-connections-killed-count",
        "failed-authentication-rate", "failed-authentication-total", "failed-reauthentication-rate", "failed-reauthentication-total",
        "successful-authentication-rate", "successful-authentication-total", "successful-authentication-no-reauth-total",
        "successful-reauthentication-rate", "successful-reauthentication-total", "reauthentication-latency-avg", "reauthentication-latency-max",
    ];

    private static IEnumerable<BeanFamily> NetworkFamilies() =>
    [
        Ratio(NetworkDomain, "SocketServer", "NetworkProcessorAvgIdlePercent", AverageIdle),
        Gauge(NetworkDomain, "SocketServer", "ExpiredConnectionsKilledCount", b => b.Transport.Snapshot().ExpiredConnectionsKilled),
        Gauge(NetworkDomain, "SocketServer", "MemoryPoolUsed", b => b.Transport.Pool.RentedBytes),
        Gauge(NetworkDomain, "SocketServer", "MemoryPoolAvailable", b => b.Transport.Pool.RentedBytesMax < 0
            ? long.MaxValue : Math.Max(0, b.Transport.Pool.RentedBytesMax - b.Transport.Pool.RentedBytes)),
        new(NetworkDomain, "Processor", "IdlePercent", BeanKind.Gauge, (b, sink) => EachThread(b, t =>
            sink.Gauge(default(Tags).And("networkProcessor", t.Index), b.Metrics.Network.IdleOf(t)))),
        new(NetworkDomain, "Acceptor", "AcceptorBlockedPercent", BeanKind.Meter, (b, sink) => EachListener(b, (i, name) =>
            sink.Meter(default(Tags).And("listener", name), b.Metrics.AcceptorBlocked[i]))),
        Gauge(NetworkDomain, "RequestChannel", "RequestQueueSize", b => b.Workers.QueueLength),
        new(NetworkDomain, "RequestChannel", "ResponseQueueSize", BeanKind.Gauge, (b, sink) =>
        {
            sink.Gauge(default, b.Transport.Snapshot().Threads.Sum(t => t.QueuedWork));
            EachThread(b, t => sink.Gauge(default(Tags).And("processor", t.Index), t.QueuedWork));
        }),
        Own(
            Server, SocketServerMetrics, ["MemoryPoolAvgDepletedPercent", "MemoryPoolDepletedTimeTotal", "broker-connection-accept-rate"],
            (b, sink) => sink.Attributes(default,
            [
                b.Metrics.DepletedShare, b.Transport.Pool.DepletedTicks * (1e9 / Stopwatch.Frequency),
                b.Metrics.Requests.Listeners.Select((_, i) => AcceptRate(b, i)).Sum(),
            ])),
        Own(
            Server, SocketServerMetrics, ["connection-accept-rate", "connection-accept-throttle-time", "ip-connection-accept-throttle-time"],
            (b, sink) => EachListener(b, (i, name) => sink.Attributes(default(Tags).And("listener", name), [AcceptRate(b, i), 0, 0]))),
        Own(Server, SocketServerMetrics, s_selector, Processors),
        Own(Server, SocketServerMetrics, ["connections"], Software),
    ];

    private static double AverageIdle(BrokerServer broker) =>
        broker.Transport.Snapshot().Threads is { Count: > 0 } threads ? threads.Average(broker.Metrics.Network.IdleOf) : 1;

    private static void EachThread(BrokerServer broker, Action<NetworkThreadSnapshot> action)
    {
        foreach (NetworkThreadSnapshot thread in broker.Transport.Snapshot().Threads)
        {
            action(thread);
        }
    }

    private static void EachListener(BrokerServer broker, Action<int, string> action)
    {
        for (int i = 0; i < broker.Metrics.Requests.Listeners.Count; i++)
        {
            action(i, broker.Metrics.Requests.Listeners[i]);
        }
    }

    private static double AcceptRate(BrokerServer broker, int listener) =>
        broker.Transport.Snapshot().Threads.Sum(t => broker.Metrics.Network.RateOf(t, listener, NetworkCount.ConnectionCreation));

    private static void Processors(BrokerServer broker, BeanSink sink)
    {
        Dictionary<(string, int), int> connections = [];
        foreach (ClientConnection connection in broker.EachConnection)
        {
            (string, int) key = (connection.Transport.Listener, connection.Transport.NetworkThread);
            connections[key] = connections.GetValueOrDefault(key) + 1;
        }
        EachThread(broker, thread => EachListener(broker, (i, name) => sink.Attributes(
            default(Tags).And("listener", name).And("networkProcessor", thread.Index),
            Processor(broker.Metrics.Network, thread, i, connections.GetValueOrDefault((name, thread.Index))))));
    }

    private static AttributeValue[] Processor(NetworkMetrics network, NetworkThreadSnapshot thread, int listener, int connections)
    {
        double Total(NetworkCount count) => network.CountOf(thread, listener, count);
        double Rate(NetworkCount count) => network.RateOf(thread, listener, count);
        double PerSelect(NetworkCount count) => Rate(NetworkCount.Select) is > 0 and var selects ? Rate(count) / selects : double.NaN;
        double sendsPerSec = Rate(NetworkCount.Request);
        double largest = network.LargestOf(thread, listener);
        return
        [
            connections, Rate(NetworkCount.ConnectionCreation), Total(NetworkCount.ConnectionCreation), Rate(NetworkCount.ConnectionClose),
            Total(NetworkCount.ConnectionClose),
            Rate(NetworkCount.IncomingByte), Total(NetworkCount.IncomingByte), Rate(NetworkCount.OutgoingByte), Total(NetworkCount.OutgoingByte),
            sendsPerSec + Rate(NetworkCount.Response), Total(NetworkCount.Request) + Total(NetworkCount.Response), sendsPerSec,
            Total(NetworkCount.Request), sendsPerSec > 0 ? Rate(NetworkCount.OutgoingByte) / sendsPerSec : double.NaN,
            largest > 0 ? largest : double.NaN,
            Rate(NetworkCount.Response), Total(NetworkCount.Response), Rate(NetworkCount.Select), Total(NetworkCount.Select),
            Rate(NetworkCount.IoTime) / 1e9, PerSelect(NetworkCount.IoTime), Total(NetworkCount.IoTime), Total(NetworkCount.IoTime),
            Rate(NetworkCount.IoWaitTime) / 1e9, PerSelect(NetworkCount.IoWaitTime), Total(NetworkCount.IoWaitTime), Total(NetworkCount.IoWaitTime),
            thread.Expired,
            0, 0, 0, 0, 0, 0, 0, 0, 0, double.NaN, double.NaN,   // there is no authentication
        ];
    }

    private static void Software(BrokerServer broker, BeanSink sink)
    {
        Dictionary<(string Name, string Version, string Listener, int Thread), int> connections = [];
        foreach (ClientConnection connection in broker.EachConnection)
        {
            var key = (connection.ClientSoftwareName, connection.ClientSoftwareVersion, connection.Transport.Listener, connection.Transport.NetworkThread);
            connections[key] = connections.GetValueOrDefault(key) + 1;
        }
        foreach ((var key, int count) in connections)
        {
            sink.Attributes(
                default(Tags).And("clientSoftwareName", key.Name).And("clientSoftwareVersion", key.Version).And("listener", key.Listener)
                    .And("networkProcessor", key.Thread),
                [count]);
        }
    }
}
