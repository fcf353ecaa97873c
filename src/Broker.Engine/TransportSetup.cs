using System.Globalization;
using System.Net;
using Broker.Engine.Configuration;
using Broker.Engine.Transport;

namespace Broker.Engine;

/// <summary>From configuration to transport. Stateless.</summary>
internal static class TransportSetup
{
    public static TransportOptions Options(BrokerConfig config, IReadOnlyList<ListenerConfig> listeners) => new()
    {
        Name = $"broker-{config.BrokerId}",
        Listeners = [.. listeners.Select(l => new ListenerOptions(l.Name, l.Bind, config.Int("socket.listen.backlog.size")))],
        NetworkThreads = config.Set.ContainsKey("num.network.threads")
            ? config.Int("num.network.threads") : Math.Clamp(Environment.ProcessorCount, 1, 8),
        FrameBytesMax = config.Int("socket.request.max.bytes"),
        ConnectionsMax = config.Int("max.connections"),
        ConnectionsPerIpMax = config.Int("max.connections.per.ip"),
        ConnectionsPerIpOverrides = Overrides(config.List("max.connections.per.ip.overrides")),
        IdleMsMax = config.Long("connections.max.idle.ms"),
        RequestBytesMax = config.Long("queued.max.request.bytes"),
        QueuedRequestsMax = config.Int("queued.max.requests"),
        // Kafka's 100 KiB are worse than what the system finds by itself; whoever sets the key gets what he set.
        SendBufferBytes = config.Set.ContainsKey("socket.send.buffer.bytes") ? config.Int("socket.send.buffer.bytes") : -1,
        ReceiveBufferBytes = config.Set.ContainsKey("socket.receive.buffer.bytes") ? config.Int("socket.receive.buffer.bytes") : -1,
    };

    private static Dictionary<IPAddress, int> Overrides(IReadOnlyList<string> pairs)
    {
        var overrides = new Dictionary<IPAddress, int>();
        foreach (string pair in pairs)
        {
            int colon = pair.LastIndexOf(':');
            if (colon < 1 || !int.TryParse(pair.AsSpan(colon + 1), CultureInfo.InvariantCulture, out int count)
                || !IPAddress.TryParse(pair.AsSpan(0, colon), out IPAddress? address))
            {
                throw new ConfigException([$"max.connections.per.ip.overrides: '{pair}' is not address:count"]);
            }
            overrides[address] = count;
        }
        return overrides;
    }
}
