using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Interop;

/// <summary>The built host, run as an operator runs it, on ports and a directory of its own.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private readonly List<string> _lines = [];
    private readonly string[] _arguments;
    private readonly bool _ownsData;
    private Process _process = null!;

    private HostProcess(string[] arguments, string? dataDirectory, int brokers)
    {
        Brokers = brokers;
        Port = FreePorts(brokers);
        HttpPort = FreePorts(1);
        _ownsData = dataDirectory is null;
        DataDirectory = dataDirectory ?? Directory.CreateTempSubdirectory("wheelhouse-interop-").FullName;
        _arguments = arguments;
    }

    public int Brokers { get; }

    public int Port { get; }

    public int HttpPort { get; }

    public string DataDirectory { get; }

    public string Bootstrap => $"127.0.0.1:{Port}";

    public Uri Http => new($"http://127.0.0.1:{HttpPort}");

    public int ProcessId => _process.Id;

    public static async Task<HostProcess> StartAsync(int brokers = 3, string[]? arguments = null, string? dataDirectory = null)
    {
        var host = new HostProcess(arguments ?? [], dataDirectory, brokers);
        await host.StartAgainAsync();
        return host;
    }

    /// <summary>Starts the host on the same directory and ports and waits until every broker serves.</summary>
    public async Task StartAgainAsync()
    {
        lock (_lines)
        {
            _lines.Clear();
        }
        var info = new ProcessStartInfo(Repository.Host,
        [
            "--brokers", $"{Brokers}", "--port", $"{Port}", "--http", Http.ToString(), "--data-dir", DataDirectory,
            "--override", "group.initial.rebalance.delay.ms=0", .. _arguments,
        ])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        _process = Process.Start(info)!;
        _process.OutputDataReceived += Collect;
        _process.ErrorDataReceived += Collect;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await WaitUntilReadyAsync();
    }

    private void Collect(object sender, DataReceivedEventArgs e)
    {
        if (e.Data is { } line)
        {
            lock (_lines)
            {
                _lines.Add(line);
            }
        }
    }

    /// <summary>What the host printed so far.</summary>
    public string Log
    {
        get
        {
            lock (_lines)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    private async Task WaitUntilReadyAsync()
    {
        using var http = new HttpClient { BaseAddress = Http };
        long end = Environment.TickCount64 + 60_000;
        while (true)
        {
            Assert.False(_process.HasExited, $"the host ended at its start:\n{Log}");
            try
            {
                using HttpResponseMessage ready = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
                if (ready.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // not listening yet
            }
            Assert.True(Environment.TickCount64 < end, $"the host was not ready within 60 s:\n{Log}");
            await Task.Delay(20);
        }
    }

    /// <summary>kill -9: no chance to write anything.</summary>
    public async Task KillAsync()
    {
        Signals.Kill(_process.Id);
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGSTOP: it stands still, and nobody is told.</summary>
    public void Pause() => Signals.Pause(_process.Id);

    public void Continue() => Signals.Resume(_process.Id);

    /// <summary>SIGTERM, as an operator or a service manager stops it.</summary>
    /// <returns>The exit code, and how long it took.</returns>
    public async Task<(int ExitCode, TimeSpan Took)> StopAsync()
    {
        long began = Stopwatch.GetTimestamp();
        Signals.Terminate(_process.Id);
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await _process.WaitForExitAsync(timeout.Token);
        return (_process.ExitCode, Stopwatch.GetElapsedTime(began));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }
        _process.Dispose();
        if (_ownsData)
        {
            Directory.Delete(DataDirectory, recursive: true);
        }
    }

    /// <summary>The first of <paramref name="count"/> ports in a row that nobody listens on.</summary>
    public static int FreePorts(int count) => Interop.FreePorts.InARow(count);
}

/// <summary>One default host that the tests of a class share, or a broker that runs already
/// (INTEROP_BOOTSTRAP=host:port: to hold the tests themselves against Apache Kafka).</summary>
public sealed class SharedHost : IAsyncLifetime
{
    private HostProcess? _host;

    public string Bootstrap { get; private set; } = "";

    internal HostProcess Host => _host ?? throw new InvalidOperationException("the tests run against a foreign broker");

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("INTEROP_BOOTSTRAP") is { Length: > 0 } foreign)
        {
            Bootstrap = foreign;
            return;
        }
        _host = await HostProcess.StartAsync();
        Bootstrap = _host.Bootstrap;
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }
    }

    /// <summary>A topic name that no other test uses.</summary>
    public static string NewTopic(string prefix) => $"{prefix}-{Guid.NewGuid().ToString("N")[..12]}";
}
