namespace Interop;

/// <summary>Three hosts of one broker each on a ZooKeeper ensemble of three: any of the six is killed or stands still for a while, the
/// controller's included. FAULTS and CHAOS_SEED as in <see cref="ChaosTests"/>.</summary>
public sealed class EnsembleChaosTests
{
    [Fact]
    public async Task ThreeHosts_HostsAndZooKeeperServersKilledAndPaused_LosesNothingAcknowledged()
    {
        await using ZooKeeperEnsemble zookeeper = await ZooKeeperEnsemble.StartAsync(3);
        var hosts = new List<HostProcess>();
        try
        {
            for (int id = 0; id < 3; id++)
            {
                hosts.Add(await HostProcess.StartAsync(brokers: 1, arguments: Arguments(zookeeper.Connect, id)));
            }
            using var http = new HttpClient { BaseAddress = hosts[0].Http, Timeout = TimeSpan.FromSeconds(60) };
            await Chaos.MakeTopicAsync(http);
            await using IdempotentProducer producer = await IdempotentProducer.StartAsync(
                string.Join(',', hosts.Select(h => h.Bootstrap)), Chaos.Topic, Chaos.Partitions);
            var random = new Random(Chaos.Seed);
            var done = new Dictionary<string, int>();
            int faults = Chaos.Faults(usual: 6);
            for (int i = 0; i < faults; i++)
            {
                await Task.Delay(random.Next(200, 3_000), TestContext.Current.CancellationToken);
                string fault = random.Next(3) == 0 ? await FaultAsync(zookeeper, random) : await FaultAsync(hosts[random.Next(3)], random);
                done[fault] = done.GetValueOrDefault(fault) + 1;
                await producer.StillRunsAsync($"{fault}, fault {i}");
            }
            (List<(int Partition, long Number, long Offset)> acknowledged, string said) = await producer.EndAsync();
            await Chaos.VerifyAsync(broker => hosts[broker].Port, acknowledged, $"{Chaos.Count(done)}; {said}");
            Assert.True(acknowledged.Count > 200 * faults, said);
        }
        finally
        {
            foreach (HostProcess host in hosts)
            {
                await host.DisposeAsync();
            }
        }
    }

    private static string[] Arguments(string connect, int id) =>
    [
        "--override", $"zookeeper.connect={connect}/chaos", "--override", $"broker.id={id}", "--override", "zookeeper.session.timeout.ms=3000",
        "--override", "log.segment.bytes=1048576", "--override", "default.replication.factor=3",
    ];

    private static async Task<string> FaultAsync(HostProcess host, Random random)
    {
        if (random.Next(2) == 0)
        {
            await host.KillAsync();
            await Task.Delay(random.Next(4_000), TestContext.Current.CancellationToken);
            await host.StartAgainAsync();
            return "host killed";
        }
        Signals.Pause(host.ProcessId);
        await Task.Delay(random.Next(200, 6_000), TestContext.Current.CancellationToken);
        Signals.Resume(host.ProcessId);
        return "host paused";
    }

    private static async Task<string> FaultAsync(ZooKeeperEnsemble zookeeper, Random random)
    {
        int server = random.Next(zookeeper.Count);
        if (random.Next(2) == 0)
        {
            await zookeeper.KillAsync(server);
            await Task.Delay(random.Next(4_000), TestContext.Current.CancellationToken);
            zookeeper.Start(server);
            await zookeeper.UntilServingAsync(server);
            return "ZooKeeper server killed";
        }
        zookeeper.Pause(server);
        await Task.Delay(random.Next(200, 6_000), TestContext.Current.CancellationToken);
        zookeeper.Resume(server);
        return "ZooKeeper server paused";
    }
}
