namespace Interop;

/// <summary>Three hosts of one broker each on a ZooKeeper ensemble of three: any of the six is killed or stands still for a while, the
/// controller's included. FAULTS and CHAOS_SEED as in <see cref="ChaosTests"/>.</summary>
public sealed class EnsembleChaosTests
{
    [Fact]
    public async Task ThreeHosts_HostsAndZooKeeperServersKilledAndPaused_LosesNothingAcknowledged()
    {
        ZooKeeperProcess[] zookeeper = await ZooKeeperProcess.StartEnsembleAsync();
        string connect = string.Join(',', zookeeper.Select(z => z.Address));
        var hosts = new List<HostProcess>();
        try
        {
            for (int id = 0; id < 3; id++)
            {
                hosts.Add(await HostProcess.StartAsync(brokers: 1, arguments: Arguments(connect, id)));
            }
            using var http = new HttpClient { BaseAddress = hosts[0].Http, Timeout = TimeSpan.FromSeconds(60) };
            await ZooKeeperTests.SeeAsync(hosts, 0, 1, 2);
            await Chaos.MakeTopicAsync(http);
            await using IdempotentProducer producer = await IdempotentProducer.StartAsync(
                string.Join(',', hosts.Select(h => h.Bootstrap)), Chaos.Topic, Chaos.Partitions, acks: Chaos.Acks);
            var random = new Random(Chaos.Seed);
            var done = new Dictionary<string, int>();
            int faults = Chaos.Faults(usual: 6);
            for (int i = 0; i < faults; i++)
            {
                await Task.Delay(random.Next(200, 3_000), TestContext.Current.CancellationToken);
                string fault = random.Next(3) == 0 ? await FaultAsync(zookeeper[random.Next(3)], random) : await FaultAsync(hosts[random.Next(3)], random);
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
            foreach (ZooKeeperProcess server in zookeeper)
            {
                await server.DisposeAsync();
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

    private static async Task<string> FaultAsync(ZooKeeperProcess zookeeper, Random random)
    {
        if (random.Next(2) == 0)
        {
            await zookeeper.KillAsync();
            await Task.Delay(random.Next(4_000), TestContext.Current.CancellationToken);
            await zookeeper.StartAgainAsync();
            return "ZooKeeper server killed";
        }
        zookeeper.Pause();
        await Task.Delay(random.Next(200, 6_000), TestContext.Current.CancellationToken);
        zookeeper.Continue();
        return "ZooKeeper server paused";
    }
}
