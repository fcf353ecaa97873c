using Interop;
using Microsoft.Playwright;

namespace EndToEnd;

/// <summary>A stopped broker is told of; no page waits for it.</summary>
[Collection(nameof(Alone))]
public sealed class DeadBrokerTests(Chromium chromium, QuietHost host) : IClassFixture<QuietHost>
{
    /// <summary>Milliseconds from the navigation to the data; a busy machine gets room above the second that is meant.</summary>
    internal const double DataMsMax = 3_000;

    [Fact]
    public async Task Pages_WithABrokerDown_ShowDataAtOnce_AndItStartsAgain()
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        await LivingHost.PostAsync(http, "/api/v1/topics", """{"name":"spread","partitions":6}""");
        await using Window window = await chromium.OpenAsync(host.Http);
        await window.GoAsync("/brokers", "Broker 2");
        await window.AliveAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Stop broker 1" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Stop broker", Exact = true }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Start broker 1" }).WaitForAsync();
        int dead = await DeadPartitionAsync(http);
        var problems = new List<string>();
        foreach ((string path, string shows) in new[]
        {
            ("/", "no leader"), ("/brokers", "Stopped"), ("/brokers/1", "Stopped"), ("/brokers/1?tab=dirs", "No log directories"),
            ("/brokers/1?tab=config", "BROKER_NOT_AVAILABLE"), ("/topics", "offline"), ("/topics/spread", "none"),
            ("/messages?topic=spread", "a leader is down"), ($"/messages?topic=spread&partition={dead}", "LEADER_NOT_AVAILABLE"),
            ("/groups", "No consumer groups"), ($"/segments?topic=spread&partition={dead}", "LEADER_NOT_AVAILABLE"),
            ("/timers?broker=1", "BROKER_NOT_AVAILABLE"),
        })
        {
            await window.GoSoonAsync(path, shows, DataMsMax);
            await window.AliveAsync();
            await window.SeesAsync(shows);
            await window.PictureAsync("dead-" + path.Split('?')[0].Trim('/').Replace('/', '-'));
            problems.AddRange(await window.ProblemsAsync(path));
        }
        Assert.True(problems.Count == 0, string.Join('\n', problems));

        await window.GoAsync("/brokers", "Stopped");
        await window.AliveAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Start broker 1" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Stop broker 1" }).WaitForAsync();
        await window.GoAsync("/", "All is well");
    }

    private static async Task<int> DeadPartitionAsync(HttpClient http)
    {
        return await Until.SeenAsync(
            "a partition has no leader",
            async () => (await Rest.GetAsync(http, "/api/v1/topics/spread")).GetProperty("partitions").EnumerateArray()
                .Where(p => p.GetProperty("leader").GetInt32() < 0).Select(p => p.GetProperty("partition").GetInt32()).FirstOrDefault(-1),
            dead => dead >= 0);
    }
}
