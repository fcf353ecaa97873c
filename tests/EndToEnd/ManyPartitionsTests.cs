using Interop;

namespace EndToEnd;

/// <summary>With ten thousand partitions every page shows data within a second.</summary>
[Collection(nameof(Alone))]
public sealed class ManyPartitionsTests(Chromium chromium)
{
    private const int Topics = 99;
    private const int Partitions = 100;

    [Fact]
    public async Task Pages_WithTenThousandPartitions_ShowDataWithinASecond()
    {
        await using HostProcess host = await HostProcess.StartAsync(arguments: ["--override", "log.index.size.max.bytes=4096"]);
        using var http = new HttpClient { BaseAddress = host.Http, Timeout = TimeSpan.FromMinutes(2) };
        await using Window window = await chromium.OpenAsync(host.Http);
        for (int i = 0; i < Topics; i++)
        {
            await LivingHost.PostAsync(http, "/api/v1/topics", $$"""{"name":"many-{{i:000}}","partitions":{{Partitions}}}""");
        }
        await LivingHost.PostAsync(http, "/api/v1/topics", """{"name":"wide","partitions":100}""");
        await LivingHost.PostAsync(http, "/api/v1/topics/wide/messages", """{"key":"k","value":"hello","partition":0}""");
        await window.GoAsync("/", "10,000");   // the first page of a process compiles code
        foreach ((string path, string shows) in new[]
        {
            ("/", "10,000"), ("/brokers", "Broker 2"), ("/brokers/0", "Threads idle"), ("/brokers/0?tab=dirs", "online"), ("/topics", "many-000"), ("/replication?filter=All", "many-000"),
            ("/replication?filter=NotPreferred&q=many", "No partition"), ("/replication?tab=balance", "Preview"), ("/topics/many-050?tab=replicas", "Known by"),
            ("/topics?sort=Size&desc=true", "wide"), ("/topics?q=many-05", "many-059"), ("/topics/many-050", "High watermark"),
            ("/topics/wide?tab=config", "cleanup.policy"), ("/messages?topic=wide", "hello"), ("/groups", "No consumer groups"),
            ("/segments?topic=wide&partition=0", "Log end"), ("/timers", "Heartbeat"),
        })
        {
            await window.GoSoonAsync(path, shows, DeadBrokerTests.DataMsMax);
            await window.AliveAsync();
            await window.SeesAsync(shows);
        }
    }
}
