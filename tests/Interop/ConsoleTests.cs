namespace Interop;

/// <summary>The console in a real browser: every page comes alive on its circuit and shows data, in both widths.</summary>
public class ConsoleTests
{
    private static readonly (string Path, string Shows)[] s_pages =
    [
        ("/", "Busiest topics"), ("/brokers", "Broker 0"), ("/brokers/0", "Key figures"), ("/topics", "seen"), ("/topics/seen", "High watermark"),
        ("/topics/seen?tab=config", "cleanup.policy"), ("/messages?topic=seen", "hello from the test"), ("/groups", "No consumer groups"),
        ("/segments?topic=seen&partition=0&segment=0", "Valid"), ("/timers", "Heartbeat"), ("/nowhere", "not"),
    ];

    [Theory]
    [InlineData("1280,900")]
    [InlineData("1920,1080")]
    public async Task Pages_InChromium_ShowDataAndNoErrors(string size)
    {
        string chromium = Command.Find("chromium");
        await using HostProcess host = await HostProcess.StartAsync(brokers: 1);
        using var http = new HttpClient { BaseAddress = host.Http };
        await PostAsync(http, "/api/v1/topics", """{"name":"seen","partitions":1}""");
        await PostAsync(http, "/api/v1/topics/seen/messages", """{"key":"k","value":"hello from the test"}""");
        string profile = Directory.CreateTempSubdirectory("wheelhouse-browser-").FullName;
        foreach ((string path, string shows) in s_pages)
        {
            CommandResult page = await Command.RunAsync(
                chromium,
                [
                    "--headless", "--no-sandbox", "--disable-gpu", $"--user-data-dir={profile}", $"--window-size={size}", "--virtual-time-budget=5000",
                    "--enable-logging=stderr", "--dump-dom", new Uri(host.Http, path).ToString(),
                ]);
            string dom = page.Succeeded($"chromium {path}");
            Assert.Contains(shows, dom, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("This page failed", dom, StringComparison.Ordinal);
            Assert.DoesNotContain("Uncaught", page.Error, StringComparison.Ordinal);
        }
        Directory.Delete(profile, recursive: true);
    }

    [Theory]
    [InlineData("/metrics", "kafka_server_brokertopicmetrics_messagesin_total")]
    [InlineData("/metrics", "process_resident_memory_bytes")]
    [InlineData("/jmx?qry=kafka.server:type=BrokerTopicMetrics,name=*", "kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec")]
    [InlineData("/jmx?qry=kafka.log:type=Log,name=LogEndOffset,*", "\"beans\"")]
    public async Task Metrics_HaveKafkasNames(string path, string name)
    {
        await using HostProcess host = await HostProcess.StartAsync(brokers: 1);
        using var http = new HttpClient { BaseAddress = host.Http };
        Assert.Contains(name, await http.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private static async Task PostAsync(HttpClient http, string path, string json)
    {
        using HttpResponseMessage response = await Rest.PostAsync(http, path, json);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
