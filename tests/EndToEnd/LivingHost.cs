using System.Diagnostics;
using Interop;

namespace EndToEnd;

/// <summary>A default host with something in it: topics with records of every shape, a group that reads and one that lags, a
/// producer and long polls at work.</summary>
public sealed class LivingHost : IAsyncLifetime
{
    public const string Topic = "orders";
    public const string Group = "billing";
    public const string LaggingGroup = "reports";
    public const long Lag = 250_000;
    private const string LongName = "archive.of-a-topic-with-a-rather-long-name.that-somebody-once-thought-of";
    private const string Kcat = "/usr/bin/kcat";

    private readonly List<Process> _clients = [];
    private readonly CancellationTokenSource _stopping = new();
    private HostProcess? _host;
    private Task _producing = Task.CompletedTask;

    /// <summary>The test is skipped where kcat is not there to bring the host to life.</summary>
    internal HostProcess Host
    {
        get
        {
            Assert.SkipWhen(_host is null, $"{Kcat} is not installed");
            return _host;
        }
    }

    public Uri Http => Host.Http;

    public async ValueTask InitializeAsync()
    {
        if (!File.Exists(Kcat))
        {
            return;
        }
        _host = await HostProcess.StartAsync(arguments: ["--override", "num.partitions=3", "--override", "log.segment.bytes=1048576"]);
        using var http = new HttpClient { BaseAddress = Http };
        await PostAsync(http, "/api/v1/topics", $$"""{"name":"{{Topic}}","partitions":3}""");
        await PostAsync(http, "/api/v1/topics", $$"""{"name":"{{LongName}}","partitions":1}""");
        await PostAsync(http, "/api/v1/topics", """{"name":"backlog","partitions":2}""");
        string[] records =
        [
            """
            {"key":"order-1","value":"{\"id\":1,\"total\":12.5,\"items\":[\"nut\",\"bolt\"]}",
             "headers":[{"key":"trace","value":"abc"},{"key":"none"}],"partition":0}
            """,
            """{"key":"order-2","value":"plain text, über UTF-8","compression":"gzip","partition":0}""",
            """{"key":"order-3","partition":0}""",
            """{"value":"no key","compression":"zstd","partition":0}""",
            """{"keyBase64":"AP/+","valueBase64":"AAEC//79","compression":"lz4","partition":0}""",
        ];
        foreach (string record in records)
        {
            await PostAsync(http, $"/api/v1/topics/{Topic}/messages", record);
        }
        string lines = Path.Combine(Host.DataDirectory, "lines.txt");
        await File.WriteAllLinesAsync(lines, Enumerable.Range(0, (int)Lag).Select(i => $"line {i}"));
        (await Command.RunAsync(Kcat, ["-b", Host.Bootstrap, "-P", "-t", "backlog", "-p", "0", "-l", "-X", "linger.ms=50", lines])).Succeeded("kcat -P");
        (await Command.RunAsync(Kcat, ["-b", Host.Bootstrap, "-G", LaggingGroup, "-c", "1", "-X", "auto.offset.reset=earliest", "backlog"]))
            .Succeeded("kcat -G");
        var consumer = new ProcessStartInfo(Kcat, ["-b", Host.Bootstrap, "-G", Group, Topic])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _clients.Add(Process.Start(consumer)!);
        _producing = ProduceAsync();
        await StableAsync(http);
    }

    private static async Task StableAsync(HttpClient http)
    {
        await Until.SeenAsync(
            "the group is stable",
            async () =>
            {
                using HttpResponseMessage answer = await http.GetAsync(new Uri($"/api/v1/groups/{Group}", UriKind.Relative));
                return (answer.IsSuccessStatusCode, Said: await answer.Content.ReadAsStringAsync());
            },
            seen => seen.IsSuccessStatusCode && seen.Said.Contains("Stable", StringComparison.Ordinal));
    }

    /// <summary>A record ten times a second, so that every page has something that moves.</summary>
    private async Task ProduceAsync()
    {
        using var http = new HttpClient { BaseAddress = Http };
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        try
        {
            for (int i = 0; await timer.WaitForNextTickAsync(_stopping.Token); i++)
            {
                using var content = new StringContent(
                    $$"""{"key":"k{{i}}","value":"record {{i}} {{new string('.', 200)}}","partition":{{i % 3}}}""", System.Text.Encoding.UTF8, "application/json");
                (await http.PostAsync(new Uri($"/api/v1/topics/{Topic}/messages", UriKind.Relative), content, _stopping.Token)).Dispose();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or HttpRequestException)
        {
            // the tests are over, or the host is
        }
    }

    internal static async Task PostAsync(HttpClient http, string path, string json)
    {
        using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await http.PostAsync(new Uri(path, UriKind.Relative), content);
        Assert.True(response.IsSuccessStatusCode, $"{path}: {await response.Content.ReadAsStringAsync()}");
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _producing;
        foreach (Process client in _clients)
        {
            client.Kill();
            client.Dispose();
        }
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }
        _stopping.Dispose();
    }
}
