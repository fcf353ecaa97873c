using System.Net;
using System.Text.Json;

namespace Interop;

/// <summary>What one host's brokers lead and coordinate is seen, and can be changed, on every host's console.</summary>
public sealed partial class ZooKeeperTests
{
    [Fact]
    public async Task ThreeHosts_EveryConsole_ShowsAndChangesWhatTheOthersLead()
    {
        Command.Find("kcat");
        await using ZooKeeperProcess zooKeeper = await ZooKeeperProcess.StartAsync();
        await using HostProcess first = await HostAsync(zooKeeper.Address, 21);
        await using HostProcess second = await HostAsync(zooKeeper.Address, 22);
        await using HostProcess third = await HostAsync(zooKeeper.Address, 23);
        HostProcess[] hosts = [first, second, third];
        await SeeAsync(hosts, 21, 22, 23);
        await CreateAsync(hosts, "spread", partitions: 3, replicas: 1);
        foreach (HostProcess host in hosts)
        {
            using var http = new HttpClient { BaseAddress = host.Http };
            for (int partition = 0; partition < 3; partition++)
            {
                string record = $$"""{"key":"k","value":"{{host.Port}}","partition":{{partition}}}""";
                using HttpResponseMessage made = await Rest.PostAsync(http, "/api/v1/topics/spread/messages", record);
                Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            }
        }
        (await Command.RunAsync(
            Command.Find("kcat"), ["-b", first.Bootstrap, "-G", "readers", "-c", "9", "-X", "auto.offset.reset=earliest", "spread"]))
            .Succeeded("kcat -G");
        foreach (HostProcess host in hosts)
        {
            using var http = new HttpClient { BaseAddress = host.Http };
            JsonElement page = await Rest.GetAsync(http, "/api/v1/topics/spread/messages?from=Oldest");
            Assert.Equal(9, page.GetProperty("messages").GetArrayLength());
            Assert.False(page.GetProperty("isPartial").GetBoolean());
            await EndsAsync(http);
            await LagsAsync(http, 0);
            using HttpResponseMessage reset = await Rest.PostAsync(
                http, "/api/v1/groups/readers/offsets", """{"topic":"spread","to":"Earliest"}""");
            Assert.True(reset.IsSuccessStatusCode, await reset.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            await LagsAsync(http, 9);
            using HttpResponseMessage back = await Rest.PostAsync(http, "/api/v1/groups/readers/offsets", """{"topic":"spread","to":"Latest"}""");
            Assert.True(back.IsSuccessStatusCode, await back.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
        await DeleteByAnotherAsync(hosts);
        await ConfigureAsync(first, second, 22);
        await ReadAsync(first, isTimed: false, s_reads.Select(r => (r.Path, "")));   // the first read of a process compiles code
        second.Pause();
        await AssertNobodyWaitsAsync(first, 22);
        second.Continue();
    }

    /// <summary>What one console changes of another host's broker, that one's console shows.</summary>
    private static async Task ConfigureAsync(HostProcess from, HostProcess to, int broker)
    {
        using var http = new HttpClient { BaseAddress = from.Http };
        using var there = new HttpClient { BaseAddress = to.Http };
        foreach ((string path, string key, string value) in
            ((string, string, string)[])[($"/api/v1/brokers/{broker}/config", "log.cleaner.threads", "2"), ($"/api/v1/brokers/{broker}/loggers", "root", "WARN")])
        {
            using var body = new StringContent($$"""{"{{key}}":"{{value}}"}""", System.Text.Encoding.UTF8, "application/json");
            using HttpResponseMessage set = await http.PatchAsync(new Uri(path, UriKind.Relative), body, TestContext.Current.CancellationToken);
            Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            foreach (HttpClient one in (HttpClient[])[http, there])
            {
                await Until.EqualAsync(
                    value, $"{key} on {one.BaseAddress}",
                    async () => (await Rest.GetAsync(one, path)).EnumerateArray()
                        .Single(e => e.GetProperty("name").GetString() == key).GetProperty("value").GetString()!);
            }
        }
    }

    private static readonly (string Path, string Says)[] s_reads =
    [
        ("/api/v1/brokers/22/config", "BROKER_NOT_AVAILABLE"), ("/api/v1/brokers/22/loggers", "BROKER_NOT_AVAILABLE"),
        ("/api/v1/topics/spread/messages", "\"isPartial\":true"), ("/api/v1/topics/spread", "unknownPartitions"), ("/api/v1/brokers", "\"id\":22"),
        ("/api/v1/cluster", "clusterId"), ("/api/v1/reassignments", "readAt"), ("/api/v1/replication", "partitions"), ("/api/v1/groups", "unknown"),
    ];

    /// <summary>Every read is answered in less than a second, with room for a busy machine, while a broker of another host stands still.</summary>
    private static async Task AssertNobodyWaitsAsync(HostProcess host, int broker)
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        await ReadAsync(host, isTimed: true, s_reads);
        await Until.SeenAsync(
            "the groups there are told as not known", () => Rest.GetAsync(http, "/api/v1/groups"),
            groups => groups.GetProperty("unknown").EnumerateArray()
                .Any(u => u.GetString()!.StartsWith($"Broker {broker} does not answer", StringComparison.Ordinal)));
    }

    private static async Task ReadAsync(HostProcess host, bool isTimed, IEnumerable<(string Path, string Says)> reads)
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        foreach ((string path, string says) in reads)
        {
            long began = Environment.TickCount64;
            using HttpResponseMessage answer = await http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Contains(says, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            long took = Environment.TickCount64 - began;
            Assert.True(!isTimed || took < 2_500, $"{path} took {took} ms");
        }
    }

    /// <summary>Every partition's ends and size, and every replica's, whoever leads them.</summary>
    private static async Task EndsAsync(HttpClient http)
    {
        // Ends and sizes are asked for apart.
        await Until.SeenAsync(
            $"{http.BaseAddress} knows all of the topic", () => Rest.GetAsync(http, "/api/v1/topics/spread"),
            topic => topic.GetProperty("summary").GetProperty("unknownPartitions").GetInt32() == 0
                && topic.GetProperty("summary").GetProperty("messages").GetInt32() == 9
                && topic.GetProperty("partitions").EnumerateArray().All(p => p.GetProperty("logStartOffset").GetInt32() == 0
                    && p.GetProperty("highWatermark").GetInt32() == 3 && p.GetProperty("logEndOffset").GetInt32() == 3
                    && p.GetProperty("sizeBytes").GetInt32() > 0));
        await Until.EqualAsync(
            "Asked Asked Replica", $"what {http.BaseAddress} knows of replicas that have all, and from whom",
            async () => string.Join(' ', (await Rest.GetAsync(http, "/api/v1/topics/spread/replicas")).GetProperty("items").EnumerateArray()
                .Select(p => p.GetProperty("replicas")[0])
                .Where(r => r.GetProperty("logEndOffset").GetInt32() == 3 && r.GetProperty("highWatermark").GetInt32() == 3)
                .Select(r => r.GetProperty("source").GetString()).Order()));
    }

    /// <summary>Waits until the console shows a group without members, with that lag.</summary>
    private static Task LagsAsync(HttpClient http, long lag) => Until.SeenAsync(
        $"{http.BaseAddress} shows a lag of {lag}", () => ReadersAsync(http),
        seen =>
        {
            if (seen.Status != HttpStatusCode.OK)
            {
                return false;
            }
            using var document = JsonDocument.Parse(seen.Said);
            JsonElement partitions = document.RootElement.GetProperty("partitions");
            JsonElement summary = document.RootElement.GetProperty("summary");
            return partitions.GetArrayLength() == 3
                && summary.GetProperty("state").GetString() == "Empty" && summary.GetProperty("lag").GetInt64() == lag
                && partitions.EnumerateArray().All(p => p.GetProperty("logEndOffset").GetInt64() == 3);
        });

    private static async Task<(HttpStatusCode Status, string Said)> ReadersAsync(HttpClient http)
    {
        using HttpResponseMessage answer = await http.GetAsync(
            new Uri("/api/v1/groups/readers", UriKind.Relative), TestContext.Current.CancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    private static async Task DeleteByAnotherAsync(HostProcess[] hosts)
    {
        using var any = new HttpClient { BaseAddress = hosts[0].Http };
        int coordinator = (await Rest.GetAsync(any, "/api/v1/groups/readers")).GetProperty("summary").GetProperty("coordinator").GetInt32();
        using var other = new HttpClient { BaseAddress = hosts[(coordinator - 21 + 1) % 3].Http };
        using HttpResponseMessage deleted = await other.DeleteAsync(
            new Uri("/api/v1/groups/readers", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.True(deleted.IsSuccessStatusCode, await deleted.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        foreach (HostProcess host in hosts)
        {
            using var http = new HttpClient { BaseAddress = host.Http };
            await Until.SeenAsync(
                $"{host.Http} has forgotten the group", () => ReadersAsync(http), seen => seen.Status == HttpStatusCode.NotFound);
        }
    }
}
