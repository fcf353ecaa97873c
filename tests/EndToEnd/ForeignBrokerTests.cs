using System.Text.Json;
using Interop;
using Microsoft.Playwright;

namespace EndToEnd;

/// <summary>A second host on the first one's tree: the first one's console shows what the second leads; when that stands still or is
/// killed, no page waits for it, and no figure of its stays.</summary>
[Collection(nameof(Alone))]
public sealed class ForeignBrokerTests(Chromium chromium)
{
    private const int Foreign = 5;

    [Fact]
    public async Task Pages_ShowWhatAnotherHostLeads_AndWhenItIsKilled_ThatItIsNotKnown()
    {
        int tree = FreePorts.InARow(1);
        await using HostProcess host = await HostProcess.StartAsync(brokers: 1, arguments: ["--zookeeper-port", $"{tree}"]);
        await using Window window = await chromium.OpenAsync(host.Http);
        await using HostProcess other = await HostProcess.StartAsync(
            brokers: 1,
            arguments:
            [
                "--override", $"zookeeper.connect=127.0.0.1:{tree}", "--override", $"broker.id={Foreign}",
                "--override", "zookeeper.session.timeout.ms=4000",
            ]);
        using var http = new HttpClient { BaseAddress = host.Http };
        await Until.SeenAsync("the hosts are one cluster", () => Rest.GetAsync(http, "/api/v1/brokers"), b => b.GetArrayLength() == 2);
        await LivingHost.PostAsync(http, "/api/v1/topics", """{"name":"spread","partitions":2,"replicationFactor":1}""");
        await Rest.KnowsTopicAsync(http, "spread");
        for (int i = 0; i < 10; i++)
        {
            await LivingHost.PostAsync(http, "/api/v1/topics/spread/messages", $$"""{"value":"{{i}}","partition":{{i % 2}}}""");
        }

        var problems = new List<string>();
        await WalkAsync(
            window, problems, isAudited: false, ("/topics/spread", "10"), ("/topics/spread?tab=replicas", "itself, asked"),
            ($"/brokers/{Foreign}", "online"), ("/", "Of this host's brokers"));
        await Until.EqualAsync((10, 0), "messages, and partitions not known", () => KnownAsync(http));
        await ConfigureAsync(window);

        other.Pause();
        await WalkAsync(
            window, problems, isAudited: false, ($"/brokers/{Foreign}?tab=config", "BROKER_NOT_AVAILABLE"),
            ($"/brokers/{Foreign}?tab=loggers", "BROKER_NOT_AVAILABLE"), ("/messages?topic=spread", "a leader is down"), ("/groups", "No consumer group"),
            ("/brokers", "Broker 5"), ("/topics/spread", "not known"), ("/replication?tab=reassignments", "reassign"));
        other.Continue();
        await Until.EqualAsync((10, 0), "messages, and partitions not known", () => KnownAsync(http));
        await window.GoAsync("/brokers", "Broker 5");
        await window.AliveAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = $"Stop broker {Foreign}, which runs in another host" }).ClickAsync();
        await window.SeesAsync("1 partition goes offline");

        await other.KillAsync();

        await WalkAsync(
            window, problems, isAudited: false, ("/topics/spread", "1 partition is not known"), ("/topics/spread?tab=replicas", "nobody"), ("/topics", "≥ 5"),
            ($"/brokers/{Foreign}", "not"), ($"/brokers/{Foreign}?tab=config", "BROKER_NOT_AVAILABLE"), ("/", $"Broker {Foreign}"));
        await Until.EqualAsync((5, 1), "messages, and partitions not known", () => KnownAsync(http));
        await window.GoAsync("/brokers", "Broker 5");
        await window.AliveAsync();
        await window.SeesAsync("Absent");   // when its session has expired
        await WalkAsync(
            window, problems, isAudited: true, ("/", "has no leader"), ($"/brokers/{Foreign}", "is not there"), ("/topics/spread", "No broker leads it"),
            ("/replication", "offline"));
        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }

    /// <summary>A key of the other host's broker, and a logger's level, set on this one's console.</summary>
    private static async Task ConfigureAsync(Window window)
    {
        await window.GoAsync($"/brokers/{Foreign}?tab=config", "zookeeper.session.timeout.ms");
        await window.AliveAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Change log.cleaner.threads" }).ClickAsync();
        await window.Page.Locator("dialog input").FillAsync("2");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await window.Page.Locator("tr:has(button[aria-label='Change log.cleaner.threads']) >> text=dynamic broker").WaitForAsync();
        await window.GoAsync($"/brokers/{Foreign}?tab=loggers", $"Broker.{Foreign}");
        await window.AliveAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Change root" }).ClickAsync();
        await window.Page.Locator("dialog select").SelectOptionAsync("WARN");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Save" }).ClickAsync();
        await window.Page.Locator("tr:has(button[aria-label='Change root']) >> text=WARN").WaitForAsync();
    }

    private static async Task<(int Messages, int Unknown)> KnownAsync(HttpClient http)
    {
        JsonElement summary = (await Rest.GetAsync(http, "/api/v1/topics/spread")).GetProperty("summary");
        return (summary.GetProperty("messages").GetInt32(), summary.GetProperty("unknownPartitions").GetInt32());
    }

    private static async Task WalkAsync(Window window, List<string> problems, bool isAudited, params (string Path, string Shows)[] pages)
    {
        foreach ((string path, string shows) in pages)
        {
            await window.GoSoonAsync(path, shows, DeadBrokerTests.DataMsMax);
            await window.PictureAsync("foreign-" + path.Replace('/', '-').Replace('?', '-'));
            if (isAudited)
            {
                await window.AliveAsync();
                problems.AddRange(await window.ProblemsAsync(path));
            }
        }
    }
}
