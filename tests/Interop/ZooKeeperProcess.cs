using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Interop;

/// <summary>A real ZooKeeper, where it is at hand: one server or an ensemble, on ports and a directory of its own.</summary>
internal sealed class ZooKeeperProcess : IAsyncDisposable
{
    private readonly string _directory;
    private readonly string _version;
    private readonly string _javaOptions;
    private Process? _process;
    private ProcessOutput? _output;

    private ZooKeeperProcess(string version, int port, string properties, string javaOptions)
    {
        _version = version;
        Port = port;
        _javaOptions = javaOptions;
        _directory = Directory.CreateTempSubdirectory("wheelhouse-zookeeper-").FullName;
        File.WriteAllText(Path.Combine(_directory, "zookeeper.properties"), $"""
            dataDir={_directory}/data
            clientPort={port}
            clientPortAddress=127.0.0.1
            tickTime=500
            maxSessionTimeout=60000
            maxClientCnxns=0
            admin.enableServer=false
            4lw.commands.whitelist=*
            forceSync=no
            {properties}
            """);
    }

    public int Port { get; }

    public string Address => $"127.0.0.1:{Port}";

    /// <summary>Starts one server.</summary>
    /// <param name="version">3.9 or 2.8: the Kafka that ships it.</param>
    /// <param name="properties">More lines for its configuration.</param>
    /// <param name="javaOptions">Options for the virtual machine.</param>
    public static async Task<ZooKeeperProcess> StartAsync(string version = "3.9", string properties = "", string javaOptions = "")
    {
        Repository.Peer("bin", "kafka");
        var server = new ZooKeeperProcess(version, FreePorts.InARow(1), properties, javaOptions);
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Starts an ensemble of three.</summary>
    public static async Task<ZooKeeperProcess[]> StartEnsembleAsync()
    {
        Repository.Peer("bin", "kafka");
        int first = FreePorts.InARow(9);
        string members = string.Join('\n', Enumerable.Range(0, 3)
            .Select(i => $"server.{i + 1}=127.0.0.1:{first + 3 + (2 * i)}:{first + 4 + (2 * i)}"));
        var servers = new ZooKeeperProcess[3];
        for (int i = 0; i < 3; i++)
        {
            servers[i] = new ZooKeeperProcess("3.9", first + i, $"initLimit=20\nsyncLimit=10\n{members}", "");
            string data = Path.Combine(servers[i]._directory, "data");
            Directory.CreateDirectory(data);
            await File.WriteAllTextAsync(Path.Combine(data, "myid"), $"{i + 1}");
            servers[i].Launch();
        }
        await Task.WhenAll(servers.Select(s => s.WaitUntilServesAsync()));
        return servers;
    }

    public async Task StartAgainAsync()
    {
        Launch();
        await WaitUntilServesAsync();
    }

    private void Launch()
    {
        var info = new ProcessStartInfo(
            Repository.Peer("bin", "kafka"),
            [_version, "zookeeper-server-start", Path.Combine(_directory, "zookeeper.properties")]);
        info.Environment["KAFKA_OPTS"] = _javaOptions;
        info.Environment["KAFKA_HEAP_OPTS"] = "-Xms64M -Xmx128M -XX:+UseSerialGC -XX:TieredStopAtLevel=1";
        info.RedirectStandardOutput = true;
        info.RedirectStandardError = true;
        _process = Process.Start(info)!;
        _output = new ProcessOutput(_process);
    }

    private async Task WaitUntilServesAsync()
    {
        long end = Environment.TickCount64 + 60_000;
        while (!(await AskAsync("srvr")).Contains("Mode:", StringComparison.Ordinal))
        {
            Assert.False(_process!.HasExited, $"ZooKeeper at {Address} ended at its start:\n{_output!.Tail()}");
            Assert.True(Environment.TickCount64 < end, $"ZooKeeper at {Address} does not serve within 60 s:\n{_output!.Tail()}");
            await Task.Delay(50);
        }
    }

    /// <summary>Answer to a word of four letters, empty where nobody listens.</summary>
    public Task<string> AskAsync(string word) => AskAsync(Port, word);

    /// <summary>ZooKeeper sometimes fails to close the connection of such a word, with or without its answer: nobody waits for that.</summary>
    public static async Task<string> AskAsync(int port, string word)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(2));
        var answer = new StringBuilder();
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", port, limit.Token);
            NetworkStream stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(word), limit.Token);
            byte[] bytes = new byte[4096];
            while (await stream.ReadAsync(bytes, limit.Token) is > 0 and int read)
            {
                answer.Append(Encoding.ASCII.GetString(bytes, 0, read));
            }
        }
        catch (Exception e) when (
            e is SocketException or IOException || (e is OperationCanceledException && !TestContext.Current.CancellationToken.IsCancellationRequested))
        {
            // what came is the answer
        }
        return answer.ToString();
    }

    public async Task<bool> IsLeaderAsync() => (await AskAsync("srvr")).Contains("Mode: leader", StringComparison.Ordinal);

    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            Signals.Kill(process.Id);
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    public void Pause() => Signals.Pause(_process!.Id);

    public void Continue() => Signals.Resume(_process!.Id);

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
