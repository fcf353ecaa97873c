using System.Net;

namespace Interop;

/// <summary>Replicated partitions under faults: three replicas, two of them in sync at least, an idempotent producer with acks=all that
/// never stops. What was acknowledged is there afterwards, at its offset, once, in order. FAULTS sets how many (300 for the record),
/// CHAOS_SEED which, ACKS=1 another promise.</summary>
public sealed class ChaosTests
{
    [Fact]
    public async Task OneHost_BrokersEndedHardAndTheHostKilled_LosesNothingAcknowledged()
    {
        await using HostProcess host = await HostProcess.StartAsync(
            arguments: ["--override", "zookeeper.session.timeout.ms=2000", "--override", "log.segment.bytes=1048576"]);
        using var http = new HttpClient { BaseAddress = host.Http, Timeout = TimeSpan.FromSeconds(60) };
        await Chaos.MakeTopicAsync(http);
        await using IdempotentProducer producer = await IdempotentProducer.StartAsync(
            string.Join(',', Enumerable.Range(0, 3).Select(b => $"127.0.0.1:{host.Port + b}")), Chaos.Topic, Chaos.Partitions, acks: Chaos.Acks);
        var random = new Random(Chaos.Seed);
        var done = new Dictionary<string, int>();
        int faults = Chaos.Faults(usual: 6);
        for (int i = 0; i < faults; i++)
        {
            string fault = await FaultAsync(host, http, random);
            done[fault] = done.GetValueOrDefault(fault) + 1;
            await producer.StillRunsAsync($"{fault}, fault {i}");
        }
        (List<(int Partition, long Number, long Offset)> acknowledged, string said) = await producer.EndAsync();
        await Chaos.VerifyAsync(broker => host.Port + broker, acknowledged, $"{Chaos.Count(done)}; {said}");
        Assert.True(acknowledged.Count > 200 * faults, said);
    }

    /// <summary>One fault, and the way back from it. The moments are the test's subject: nothing in the brokers knows of them.</summary>
    private static async Task<string> FaultAsync(HostProcess host, HttpClient http, Random random)
    {
        await Task.Delay(random.Next(200, 3_000), TestContext.Current.CancellationToken);
        int one = random.Next(3);
        switch (random.Next(6))
        {
            case 0:
                await host.KillAsync();
                await Task.Delay(random.Next(1_000), TestContext.Current.CancellationToken);
                await host.StartAgainAsync();
                return "host killed";
            case 1:
                await StopAsync(http, one, hard: false);
                await Task.Delay(random.Next(3_000), TestContext.Current.CancellationToken);
                await StartAsync(http, one);
                return "broker stopped";
            case 2:
                await StopAsync(http, one, hard: true);
                int other = (one + 1 + random.Next(2)) % 3;
                await Task.Delay(random.Next(4_000), TestContext.Current.CancellationToken);
                await StopAsync(http, other, hard: true);
                await Task.Delay(random.Next(3_000), TestContext.Current.CancellationToken);
                await StartAsync(http, random.Next(2) == 0 ? one : other);
                await Task.Delay(random.Next(1_000), TestContext.Current.CancellationToken);
                await StartAsync(http, one);
                await StartAsync(http, other);
                return "two brokers ended hard";
            default:
                await StopAsync(http, one, hard: true);
                await Task.Delay(random.Next(5_000), TestContext.Current.CancellationToken);
                await StartAsync(http, one);
                return "broker ended hard";
        }
    }

    internal static async Task StopAsync(HttpClient http, int broker, bool hard)
    {
        using HttpResponseMessage stopped = await Rest.PostAsync(http, $"/api/v1/brokers/{broker}/stop?hard={(hard ? "true" : "false")}", "");
        Assert.True(stopped.StatusCode == HttpStatusCode.NoContent, await stopped.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    internal static async Task StartAsync(HttpClient http, int broker)
    {
        using HttpResponseMessage started = await Rest.PostAsync(http, $"/api/v1/brokers/{broker}/start", "");
        Assert.True(started.StatusCode == HttpStatusCode.NoContent, await started.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
