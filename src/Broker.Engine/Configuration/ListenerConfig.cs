using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Broker.Engine.Configuration;

/// <summary>A listener: where it binds and what clients are told to connect to.</summary>
/// <param name="Name">Its name, in capitals.</param>
/// <param name="Protocol">PLAINTEXT: what listener.security.protocol.map gives the name.</param>
/// <param name="Bind">Where it listens.</param>
/// <param name="AdvertisedHost">Host for clients.</param>
/// <param name="AdvertisedPort">Port for clients; 0 for the one bound.</param>
internal sealed record ListenerConfig(string Name, string Protocol, IPEndPoint Bind, string AdvertisedHost, int AdvertisedPort)
{
    private const string Plaintext = "PLAINTEXT";
    private const int DefaultPort = 9092;

    /// <summary>Writes listeners and advertised.listeners of broker <paramref name="index"/> of a host into its values: ports
    /// count up, and without a word from the operator it listens on loopback.</summary>
    public static void Derive(Dictionary<string, string> values, int index, int port)
    {
        string? given = values.GetValueOrDefault("listeners");
        if (given is null && (values.ContainsKey("host.name") || values.ContainsKey("port")))
        {
            given = $"{Plaintext}://{values.GetValueOrDefault("host.name", "")}:{values.GetValueOrDefault("port", "9092")}";
        }
        given ??= $"{Plaintext}://127.0.0.1:{DefaultPort}";
        values["listeners"] = Shift("listeners", given, index, port);
        string? advertised = values.GetValueOrDefault("advertised.listeners");
        if (advertised is null && (values.ContainsKey("advertised.host.name") || values.ContainsKey("advertised.port")))
        {
            (string name, string host, int bound) = Split("listeners", ConfigValue.List(values["listeners"])[0]);
            advertised = $"{name}://{values.GetValueOrDefault("advertised.host.name", host)}:"
                + (values.TryGetValue("advertised.port", out string? p) ? p : $"{bound - index}");
        }
        if (!string.IsNullOrEmpty(advertised))
        {
            values["advertised.listeners"] = Shift("advertised.listeners", advertised, index, port: -1);
        }
    }

    private static string Shift(string key, string text, int index, int port) => string.Join(',', ConfigValue.List(text).Select((one, n) =>
    {
        (string name, string host, int own) = Split(key, one);
        int first = port >= 0 && n == 0 ? port : own;
        return $"{name}://{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{(first == 0 ? 0 : first + index)}";
    }));

    /// <summary>The listeners of a broker's values.</summary>
    /// <exception cref="ConfigException">They are not to be read.</exception>
    public static IReadOnlyList<ListenerConfig> Read(BrokerConfig config)
    {
        Dictionary<string, string> protocols = ProtocolMap(config.List("listener.security.protocol.map"));
        var advertised = config.List("advertised.listeners").Select(a => Split("advertised.listeners", a))
            .ToDictionary(a => a.Name, StringComparer.Ordinal);
        var listeners = new List<ListenerConfig>();
        foreach (string one in config.List("listeners"))
        {
            (string name, string host, int port) = Split("listeners", one);
            string protocol = protocols.GetValueOrDefault(name)
                ?? throw Wrong($"listeners: no security protocol is defined for the listener {name} in listener.security.protocol.map");
            if (protocol != Plaintext)
            {
                throw Wrong($"listeners: {name} asks for {protocol}, but this broker speaks PLAINTEXT only");
            }
            IPAddress address = AddressOf(host);
            (string _, string shownHost, int shownPort) = advertised.TryGetValue(name, out var a) ? a : (name, AdvertisedOf(host, address), port);
            listeners.Add(new ListenerConfig(name, protocol, new IPEndPoint(address, port), shownHost, shownPort));
        }
        if (listeners.Count == 0)
        {
            throw Wrong("listeners: at least one listener is needed");
        }
        if (listeners.DistinctBy(l => l.Name).Count() != listeners.Count)
        {
            throw Wrong("listeners: each listener must have a different name");
        }
        if (advertised.Keys.FirstOrDefault(n => listeners.TrueForAll(l => l.Name != n)) is { } stray)
        {
            throw Wrong($"advertised.listeners: {stray} is not among listeners");
        }
        return listeners;
    }

    private static string AdvertisedOf(string host, IPAddress address) =>
        host.Length > 0 && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any) ? host : Dns.GetHostName();

    private static IPAddress AddressOf(string host)
    {
        if (host.Length == 0)
        {
            return IPAddress.Any;
        }
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            return address;
        }
        try
        {
            IPAddress[] found = Dns.GetHostAddresses(host);
            return Array.Find(found, a => a.AddressFamily == AddressFamily.InterNetwork) ?? found[0];
        }
        catch (SocketException)
        {
            throw Wrong($"listeners: the host name {host} cannot be resolved");
        }
    }

    private static Dictionary<string, string> ProtocolMap(IReadOnlyList<string> pairs)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in pairs)
        {
            string[] parts = pair.Split(':');
            if (parts.Length != 2)
            {
                throw Wrong($"listener.security.protocol.map: '{pair}' is not name:protocol");
            }
            map[parts[0].Trim().ToUpperInvariant()] = parts[1].Trim().ToUpperInvariant();
        }
        return map;
    }

    /// <summary>NAME://host:port.</summary>
    private static (string Name, string Host, int Port) Split(string key, string text)
    {
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        int colon = text.LastIndexOf(':');
        if (scheme < 1 || colon < scheme + 3
            || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port > 65_535)
        {
            throw Wrong($"{key}: '{text}' is not NAME://host:port");
        }
        return (text[..scheme].ToUpperInvariant(), text[(scheme + 3)..colon].Trim('[', ']'), port);
    }

    private static ConfigException Wrong(string message) => new([message]);
}
