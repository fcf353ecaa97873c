using System.Diagnostics;

namespace Interop;

/// <summary>A real Apache Kafka broker in ZooKeeper mode.</summary>
internal sealed class KafkaProcess : IAsyncDisposable
{
    private readonly string _launcher = Repository.Peer("bin", "kafka-zk");
    private readonly string _zookeeper;
    private readonly string[] _overrides;
    private Process? _process;

    private KafkaProcess(string version, int id, string zookeeper, string[] overrides)
    {
        Version = version;
        Id = id;
        _zookeeper = zookeeper;
        _overrides = overrides;
        Port = FreePorts.InARow(1);
        Directory = System.IO.Directory.CreateTempSubdirectory("wheelhouse-kafka-").FullName;
    }

    public string Version { get; }

    public int Id { get; }

    public int Port { get; }

    public string Directory { get; }

    public string Bootstrap => $"127.0.0.1:{Port}";

    /// <summary>Where a partition's files are.</summary>
    public string PartitionDirectory(string partition) => Path.Combine(Directory, "data", partition);

    public static async Task<KafkaProcess> StartAsync(string version, int id, string zookeeper, params string[] overrides)
    {
        var broker = new KafkaProcess(version, id, zookeeper, overrides);
        await broker.StartAgainAsync();
        return broker;
    }

    public async Task StartAgainAsync()
    {
        var info = new ProcessStartInfo(_launcher, [Version, $"{Id}", Directory, $"{Port}", _zookeeper, .. _overrides])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        info.Environment["KAFKA_HEAP_OPTS"] = "-Xms256M -Xmx512M -XX:+UseSerialGC -XX:TieredStopAtLevel=1";
        _process = Process.Start(info)!;
        var output = new ProcessOutput(_process);
        long end = Environment.TickCount64 + 90_000;
        while ((await Command.RunAsync(Command.Find("kcat"), ["-b", Bootstrap, "-L", "-m", "5"])) is var listed
            && (listed.ExitCode != 0 || !listed.Output.Contains($"broker {Id} at", StringComparison.Ordinal)))
        {
            Assert.False(_process.HasExited, $"Kafka {Version} broker {Id} ended at its start:\n{output.Tail()}");
            Assert.True(Environment.TickCount64 < end, $"Kafka {Version} broker {Id} does not serve within 90 s:\n{listed.Output}{listed.Error}{output.Tail()}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>SIGTERM: a controlled shutdown.</summary>
    public async Task StopAsync()
    {
        if (_process is { HasExited: false } process)
        {
            Signals.Terminate(process.Id);
            await Until.HoldsAsync($"Kafka {Version} broker {Id} ends after SIGTERM", () => process.HasExited);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync();
            }
            process.Dispose();
        }
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
