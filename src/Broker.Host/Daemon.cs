using System.Diagnostics;

namespace Broker.Host;

/// <summary>--daemon: starts the host again in the background, waits until it is ready, and leaves it there.</summary>
internal static class Daemon
{
    private static readonly TimeSpan s_readyTimeout = TimeSpan.FromMinutes(5);

    public static async Task<int> StartAsync(string[] args, HostOptions options)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new HostStartException("--daemon needs a POSIX system; run the host as a Windows service instead");
        }
        Directory.CreateDirectory(options.DataDirectory);
        string log = Path.Combine(Path.GetFullPath(options.DataDirectory), "host.log");
        string self = Environment.ProcessPath!;
        string[] command = Path.GetFileNameWithoutExtension(self) == "dotnet" ? [self, Environment.GetCommandLineArgs()[0]] : [self];
        var info = new ProcessStartInfo(
            "/bin/sh", ["-c", "log=$1; shift; exec setsid \"$@\" >>\"$log\" 2>&1 </dev/null", "sh", log, .. command, .. args.Where(a => a != "--daemon")]);
        using Process child = Process.Start(info)!;
        using var http = new HttpClient { BaseAddress = options.Http };
        long began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < s_readyTimeout)
        {
            if (child.HasExited)
            {
                string last = File.ReadLines(log).LastOrDefault(l => l.StartsWith("wheelhouse: ", StringComparison.Ordinal), "wheelhouse: it ended");
                throw new HostStartException($"the host did not start: {last["wheelhouse: ".Length..]} (see {log})");
            }
            if (await IsReadyAsync(http))
            {
                Console.WriteLine($"running as process {child.Id}; log in {log}; console {options.Http}");
                return 0;
            }
            await Task.Delay(50);
        }
        throw new HostStartException($"the host was not ready within {s_readyTimeout.TotalMinutes:0} minutes (see {log})");
    }

    private static async Task<bool> IsReadyAsync(HttpClient http)
    {
        try
        {
            using HttpResponseMessage response = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;   // not listening yet
        }
    }
}
