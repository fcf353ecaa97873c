using System.Diagnostics;
using System.Text;

namespace Interop;

/// <summary>Three real ZooKeeper servers as one ensemble, or one alone; each can be killed, paused and started again.</summary>
internal sealed class ZooKeeperEnsemble : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("wheelhouse-zookeeper-").FullName;
    private readonly string _launcher = Repository.Peer("bin", "kafka");
    private readonly Process?[] _servers;
    private readonly int _ports;

    private ZooKeeperEnsemble(int servers)
    {
        _servers = new Process?[servers];
        _ports = HostProcess.FreePorts(3 * servers);
        for (int i = 0; i < servers; i++)
        {
            Configure(i);
        }
    }

    /// <summary>What brokers connect to.</summary>
    public string Connect => string.Join(',', Enumerable.Range(0, _servers.Length).Select(i => $"127.0.0.1:{_ports + i}"));

    public int Count => _servers.Length;

    public static async Task<ZooKeeperEnsemble> StartAsync(int servers)
    {
        var ensemble = new ZooKeeperEnsemble(servers);
        for (int i = 0; i < servers; i++)
        {
            ensemble.Start(i);
        }
        for (int i = 0; i < servers; i++)
        {
            await ensemble.UntilServingAsync(i);
        }
        return ensemble;
    }

    private void Configure(int server)
    {
        string data = Path.Combine(_directory, $"{server}");
        Directory.CreateDirectory(data);
        var text = new StringBuilder($"tickTime=500\ninitLimit=20\nsyncLimit=10\ndataDir={data}\nclientPort={_ports + server}\n")
            .Append("clientPortAddress=127.0.0.1\nmaxClientCnxns=0\nadmin.enableServer=false\n4lw.commands.whitelist=*\n");
        for (int i = 0; i < _servers.Length && _servers.Length > 1; i++)
        {
            int peers = _ports + _servers.Length + (2 * i);
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"server.{i + 1}=127.0.0.1:{peers}:{peers + 1}\n");
        }
        File.WriteAllText(Path.Combine(_directory, $"{server}.properties"), text.ToString());
        File.WriteAllText(Path.Combine(data, "myid"), $"{server + 1}");
    }

    public void Start(int server)
    {
        var info = new ProcessStartInfo(_launcher, ["3.9", "zookeeper-server-start", Path.Combine(_directory, $"{server}.properties")])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        info.Environment["KAFKA_HEAP_OPTS"] = "-Xms64M -Xmx128M";
        Process process = Process.Start(info)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _servers[server] = process;
    }

    /// <summary>Waits until a server has a part in the ensemble.</summary>
    public async Task UntilServingAsync(int server)
    {
        long end = Environment.TickCount64 + 60_000;
        while (!(await ZooKeeperProcess.AskAsync(_ports + server, "srvr")).Contains("Mode:", StringComparison.Ordinal))
        {
            Assert.True(Environment.TickCount64 < end, $"ZooKeeper server {server} did not serve within 60 s");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    public async Task KillAsync(int server)
    {
        if (_servers[server] is { } process)
        {
            _servers[server] = null;
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }

    public void Pause(int server) => Signals.Pause(_servers[server]!.Id);

    public void Resume(int server) => Signals.Resume(_servers[server]!.Id);

    public async ValueTask DisposeAsync()
    {
        for (int i = 0; i < _servers.Length; i++)
        {
            await KillAsync(i);
        }
        Directory.Delete(_directory, recursive: true);
    }
}
