using System.Diagnostics;

namespace Interop;

/// <summary>A real broker of Apache Kafka in ZooKeeper mode, where it is at hand, on a port and a directory of its own.</summary>
internal sealed class KafkaProcess : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("wheelhouse-kafka-").FullName;
    private readonly Process _process;

    private KafkaProcess(string version, int id, string connect, string[] settings)
    {
        Port = FreePorts.InARow(1);
        var info = new ProcessStartInfo(
            Repository.Peer("bin", "kafka-zk"), [version, $"{id}", _directory, $"{Port}", connect, .. settings]) { RedirectStandardOutput = true };
        info.Environment["KAFKA_HEAP_OPTS"] = "-Xms128M -Xmx384M";
        _process = Process.Start(info)!;
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
    }

    public int Port { get; }

    public string Bootstrap => $"127.0.0.1:{Port}";

    /// <summary>Starts a broker and waits until it answers.</summary>
    public static async Task<KafkaProcess> StartAsync(string version, int id, string connect, string[] settings)
    {
        var kafka = new KafkaProcess(version, id, connect, settings);
        long end = Environment.TickCount64 + 90_000;
        while ((await Command.RunAsync(Command.Find("kcat"), ["-b", kafka.Bootstrap, "-L", "-m", "5"])) is var listed
            && (listed.ExitCode != 0 || !listed.Output.Contains($"broker {id} at", StringComparison.Ordinal)))
        {
            Assert.False(kafka._process.HasExited, "the Kafka broker ended at its start");
            Assert.True(Environment.TickCount64 < end, "the Kafka broker does not serve within 90 s");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
        return kafka;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
