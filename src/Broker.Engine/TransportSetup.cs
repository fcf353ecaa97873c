using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Broker.Engine.Configuration;
using Broker.Engine.Transport;

namespace Broker.Engine;

/// <summary>From configuration to transport. Stateless.</summary>
internal static class TransportSetup
{
    public const string OverridesKey = "max.connections.per.ip.overrides";

    /// <summary>Sets the limits on connections anew.</summary>
    public static void Update(ConnectionQuotas quotas, BrokerConfig config) => quotas.Update(
        config.Int("max.connections"), config.Int("max.connections.per.ip"), Overrides(config.List(OverridesKey)),
        config.Int("max.connection.creation.rate"));

    /// <summary>Why a value of max.connections.per.ip.overrides cannot be read, or null.</summary>
    public static string? WrongOverride(string value)
    {
        try
        {
            _ = Overrides(ConfigValue.List(value));
            return null;
        }
        catch (ConfigException e)
        {
            return e.Message;
        }
    }

    /// <summary>More threads than this are not started: a produce keeps those that it concerns in 64 bits.</summary>
    private const int NetworkThreadsMax = 64;

    public static TransportOptions Options(BrokerConfig config, IReadOnlyList<ListenerConfig> listeners) => new()
    {
        Name = $"broker-{config.BrokerId}",
        Listeners = [.. listeners.Select(l => new ListenerOptions(l.Name, l.Bind, config.Int("socket.listen.backlog.size")))],
        NetworkThreads = config.Set.ContainsKey("num.network.threads")
            ? Math.Min(config.Int("num.network.threads"), NetworkThreadsMax) : Math.Clamp(Environment.ProcessorCount, 1, 8),
        FrameBytesMax = config.Int("socket.request.max.bytes"),
        ConnectionsMax = config.Int("max.connections"),
        ConnectionsPerIpMax = config.Int("max.connections.per.ip"),
        ConnectionsPerIpOverrides = Overrides(config.List(OverridesKey)),
        ConnectionRateMax = config.Int("max.connection.creation.rate"),
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
                || AddressesOf(pair[..colon]) is not { Length: > 0 } addresses)
            {
                throw new ConfigException([$"{OverridesKey}: '{pair}' is not address:count"]);
            }
            Array.ForEach(addresses, a => overrides[a] = count);
        }
        return overrides;
    }

    private static IPAddress[] AddressesOf(string host)
    {
        try
        {
            return IPAddress.TryParse(host, out IPAddress? address) ? [address] : Dns.GetHostAddresses(host);
        }
        catch (SocketException)
        {
            return [];
        }
    }
}
