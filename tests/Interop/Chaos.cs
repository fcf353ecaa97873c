using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Broker.Client;

namespace Interop;

/// <summary>What the tests of faults share: how many, the topic, and the check at the end.</summary>
internal static class Chaos
{
    public const int Partitions = 6;
    public const string Topic = "kept";

    public static int Seed => int.TryParse(Environment.GetEnvironmentVariable("CHAOS_SEED"), out int given) ? given : 7;

    /// <summary>"all", or 1: then what is lost is counted, for it may be (a leader that dies takes along what no follower had).</summary>
    public static string Acks => Environment.GetEnvironmentVariable("ACKS") is "1" ? "1" : "all";

    public static int Faults(int usual) => int.TryParse(Environment.GetEnvironmentVariable("FAULTS"), out int given) ? given : usual;

    /// <summary>Three replicas, of which two must be in sync.</summary>
    public static async Task MakeTopicAsync(HttpClient http)
    {
        using HttpResponseMessage made = await Rest.PostAsync(http, "/api/v1/topics",
            $$$"""{"name":"{{{Topic}}}","partitions":{{{Partitions}}},"replicationFactor":3,"config":{"min.insync.replicas":"2"}}""");
        Assert.True(made.StatusCode == HttpStatusCode.Created, await made.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    public static string Count(Dictionary<string, int> done) =>
        string.Join(", ", done.OrderBy(d => d.Key, StringComparer.Ordinal).Select(d => $"{d.Key} {d.Value}"));

    /// <summary>Holds the log against what was acknowledged.</summary>
    public static async Task VerifyAsync(
        Func<int, int> portOf, List<(int Partition, long Number, long Offset)> acknowledged, string what, string topic = Topic,
        int partitions = Partitions)
    {
        long lost = 0;
        long duplicated = 0;
        long outOfOrder = 0;
        for (int partition = 0; partition < partitions; partition++)
        {
            long last = acknowledged.Where(a => a.Partition == partition).Select(a => a.Offset).DefaultIfEmpty(-1).Max();
            List<(long Offset, long Value)> records = await ReadAsync(portOf, topic, partition, last);
            duplicated += records.Count - records.DistinctBy(r => r.Value).Count();
            outOfOrder += records.Zip(records.Skip(1)).Count(pair => pair.Second.Value <= pair.First.Value);
            Dictionary<long, long> byOffset = records.ToDictionary(r => r.Offset, r => r.Value);
            // A retry that the leader knows only as a duplicate is acknowledged without its offset.
            HashSet<long> all = [.. records.Select(r => r.Value)];
            lost += acknowledged.Count(a => a.Partition == partition
                && !(a.Offset < 0 ? all.Contains(a.Number) : byOffset.GetValueOrDefault(a.Offset, -1) == a.Number));
        }
        string figures = string.Create(CultureInfo.InvariantCulture,
            $"seed {Seed}, acks={Acks}: {what}; lost {lost}, duplicated {duplicated}, out of order {outOfOrder}");
        TestContext.Current.TestOutputHelper?.WriteLine(figures);
        TestContext.Current.SendDiagnosticMessage(figures);
        Assert.True(Acks == "1" || (lost, duplicated, outOfOrder) == (0, 0, 0), figures);
    }

    /// <summary>Reads a partition, once it is led and its leader shows as far as was acknowledged: what the faults began may go on for a
    /// moment after the last of them. Gives back what there is where it never shows that much.</summary>
    private static async Task<List<(long Offset, long Value)>> ReadAsync(Func<int, int> portOf, string topic, int partition, long last)
    {
        long end = Environment.TickCount64 + 60_000;
        while (true)
        {
            string failure;
            try
            {
                int leader = await NumberedLog.LeaderAsync(await ConnectAsync(portOf(0)), topic, partition);
                failure = $"the leader is {leader}";
                if (leader >= 0)
                {
                    List<(long Offset, long Value)> records = await NumberedLog.ReadAsync(await ConnectAsync(portOf(leader)), topic, partition);
                    if (records.Count > 0 && records[^1].Offset >= last || Environment.TickCount64 >= end)
                    {
                        return records;
                    }
                    failure = $"leader {leader} shows {records.Count} records; offset {last} was acknowledged";
                }
            }
            catch (Exception e) when (e is IOException or SocketException or NumberedLogException)
            {
                failure = e.Message;
            }
            Assert.True(Environment.TickCount64 < end, $"{topic}-{partition} cannot be read: {failure}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    private static Task<KafkaConnection> ConnectAsync(int port) => KafkaConnection.ConnectAsync(
        "127.0.0.1", port, "verifier", TimeSpan.FromSeconds(10), CancellationToken.None);
}
