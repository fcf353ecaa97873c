using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Interop;

/// <summary>The built host, run as an operator runs it, on ports and a directory of its own.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private readonly string[] _arguments;
    private readonly bool _ownsData;
    private Process _process = null!;
    private ProcessOutput _output = null!;

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
        var info = new ProcessStartInfo(Repository.Host,
        [
            "--brokers", $"{Brokers}", "--port", $"{Port}", "--http", Http.ToString(), "--data-dir", DataDirectory,
            "--override", "group.initial.rebalance.delay.ms=0", .. _arguments,
        ])
        { RedirectStandardOutput = true, RedirectStandardError = true };
        _process = Process.Start(info)!;
        _output = new ProcessOutput(_process);
        await WaitUntilReadyAsync();
    }

    /// <summary>What the host printed since its start, as far as it has come through the pipe.</summary>
    public string Log => _output.Text;

    /// <summary>Waits until the host has printed a text: what it does is seen elsewhere before its log is read here.</summary>
    public Task SaysAsync(string text) => Until.HoldsAsync(
        $"the host prints '{text}'", () => Log.Contains(text, StringComparison.Ordinal), () => _output.Tail());

    private async Task WaitUntilReadyAsync()
    {
        using var http = new HttpClient { BaseAddress = Http, Timeout = TimeSpan.FromSeconds(5) };
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
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                // not listening yet, or slow
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
        await Until.HoldsAsync("the host ends after SIGTERM", () => _process.HasExited, () => _output.Tail());
        await _process.WaitForExitAsync();
        return (_process.ExitCode, Stopwatch.GetElapsedTime(began));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }
        _process.Dispose();
        Tell();
        if (_ownsData)
        {
            Directory.Delete(DataDirectory, recursive: true);
        }
    }

    /// <summary>The report of a test that failed shows what its hosts said last.</summary>
    private void Tell()
    {
        try
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"--- the host at {Bootstrap} said last\n{_output.Tail()}");
        }
        catch (InvalidOperationException)
        {
            // the test is over
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
