using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;

namespace Broker.Host;

/// <summary>The command line of the host. These names stay.</summary>
internal sealed record HostOptions
{
    public const int DefaultPort = 9092;

    /// <summary>Most brokers in one host.</summary>
    public const int BrokersMax = 100;

    public int Brokers { get; init; } = 3;

    /// <summary>Port of the first broker; broker i listens on it plus i. 0 lets the system choose each.</summary>
    public int Port { get; init; } = DefaultPort;

    /// <summary>Whether the port was given: it then wins over a configured one.</summary>
    public bool PortGiven { get; init; }

    public Uri Http { get; init; } = new("http://127.0.0.1:8080");

    public string DataDirectory { get; init; } = "./data";

    /// <summary>A server.properties file, or null.</summary>
    public string? ConfigFile { get; init; }

    /// <summary><c>key=value</c>, as given; the last one of a key wins.</summary>
    public IReadOnlyList<string> Overrides { get; init; } = [];

    /// <summary>Port on which the host's tree is served by ZooKeeper's protocol, or null for none.</summary>
    public int? ZooKeeperPort { get; init; }

    public bool Daemon { get; init; }

    public bool AllowRemoteHttp { get; init; }

    /// <summary>The addresses that --http means.</summary>
    /// <returns>Null when it is not a loopback address and remote ones are not allowed.</returns>
    public bool IsHttpAllowed => AllowRemoteHttp || IsLoopback(Http);

    private static bool IsLoopback(Uri url) =>
        url.IsLoopback || (IPAddress.TryParse(url.Host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}

/// <summary>Reads the command line, prints help and version.</summary>
internal static class HostCommandLine
{
    private static readonly Option<int> s_brokers = new("--brokers")
    {
        Description = $"Number of brokers in this process, 1 to {HostOptions.BrokersMax}.",
        DefaultValueFactory = _ => 3,
        HelpName = "N",
    };

    private static readonly Option<int> s_port = new("--port")
    {
        Description = "Port of the first broker; broker i listens on P+i. 0 lets the system choose.",
        DefaultValueFactory = _ => HostOptions.DefaultPort,
        HelpName = "P",
    };

    private static readonly Option<string> s_http = new("--http")
    {
        Description = "Address of the console, the REST API and the metrics.",
        DefaultValueFactory = _ => "http://127.0.0.1:8080",
        HelpName = "URL",
    };

    private static readonly Option<string> s_data = new("--data-dir")
    {
        Description = "Where logs and cluster state are kept.",
        DefaultValueFactory = _ => "./data",
        HelpName = "DIR",
    };

    private static readonly Option<string?> s_config = new("--config")
    {
        Description = "A Kafka server.properties file.",
        HelpName = "FILE",
    };

    private static readonly Option<string[]> s_override = new("--override")
    {
        Description = "One configuration key; wins over the file. May be given again.",
        HelpName = "key=value",
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<int?> s_zooKeeperPort = new("--zookeeper-port")
    {
        Description = "Serve the host's own cluster state by ZooKeeper's protocol on this port of loopback.",
        HelpName = "P",
    };

    private static readonly Option<bool> s_daemon = new("--daemon") { Description = "Go into the background once ready." };

    private static readonly Option<bool> s_remoteHttp = new("--allow-remote-http")
    {
        Description = "Let --http listen beyond loopback. The console has no login: whoever reaches it may do everything.",
    };

    /// <summary>The options, or null with the exit code when there is nothing to run.</summary>
    public static HostOptions? Parse(string[] args, out int exitCode)
    {
        s_brokers.Validators.Add(r => InRange(r, s_brokers, 1, HostOptions.BrokersMax));
        s_port.Validators.Add(r => InRange(r, s_port, 0, 65_535));
        s_http.Validators.Add(r => IsHttpUrl(r));
        s_override.Validators.Add(r => AreOverrides(r));
        var root = new RootCommand("Wheelhouse: a Kafka broker and its console in one process.")
        {
            s_brokers, s_port, s_http, s_data, s_config, s_override, s_zooKeeperPort, s_daemon, s_remoteHttp,
        };
        HostOptions? options = null;
        root.SetAction(result => { options = Read(result); });
        exitCode = root.Parse(args).Invoke();
        return exitCode == 0 ? options : null;
    }

    private static HostOptions Read(ParseResult result) => new()
    {
        Brokers = result.GetValue(s_brokers),
        Port = result.GetValue(s_port),
        PortGiven = result.GetResult(s_port) is { Implicit: false },
        Http = new Uri(result.GetValue(s_http)!),
        DataDirectory = result.GetValue(s_data)!,
        ConfigFile = result.GetValue(s_config),
        Overrides = result.GetValue(s_override) ?? [],
        ZooKeeperPort = result.GetValue(s_zooKeeperPort),
        Daemon = result.GetValue(s_daemon),
        AllowRemoteHttp = result.GetValue(s_remoteHttp),
    };

    private static void InRange(OptionResult result, Option<int> option, int low, int high)
    {
        int value = result.GetValue(option);
        if (value < low || value > high)
        {
            result.AddError($"{option.Name} must be between {low} and {high}, not {value}");
        }
    }

    private static void IsHttpUrl(OptionResult result)
    {
        string? text = result.GetValue(s_http);
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.Scheme != Uri.UriSchemeHttp || url.PathAndQuery != "/")
        {
            result.AddError($"--http must be an address like http://127.0.0.1:8080, not '{text}'");
        }
    }

    private static void AreOverrides(OptionResult result)
    {
        foreach (string one in result.GetValue(s_override) ?? [])
        {
            if (one.IndexOf('=', StringComparison.Ordinal) < 1)
            {
                result.AddError($"--override must be key=value, not '{one}'");
            }
        }
    }
}
