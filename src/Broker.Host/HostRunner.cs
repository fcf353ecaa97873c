using System.Diagnostics;
using System.Globalization;
using Broker.Engine;
using Broker.Engine.Configuration;
using Broker.Engine.Diagnostics;
using Broker.Engine.Timing;

namespace Broker.Host;

/// <summary>Runs the brokers and the HTTP side by side until the process is told to end.</summary>
internal static class HostRunner
{
    public static async Task<int> RunAsync(HostOptions options)
    {
        if (!options.IsHttpAllowed)
        {
            throw new HostStartException(
                $"{options.Http} is beyond loopback, and the console has no login: add --allow-remote-http if everyone who reaches it may do everything");
        }
        LogLevels levels = HostLog.Levels();
        using ILoggerFactory loggers = HostLog.Create(levels);
        using var time = new WheelTimeProvider(loggers.CreateLogger("Host"));
        var cluster = new Lazy<HostedCluster>(() => HostedCluster.Configure(
            SettingsReader.Read(options) with { LogLevels = levels }, time, loggers));
        // The brokers begin first and beside the rest: most of the time to ready is theirs and the runtime's.
        Task starting = Task.Run(() => cluster.Value.StartAsync(CancellationToken.None));
        try
        {
            WebApplication app = HttpSide.Build(options, cluster, starting, loggers);
            await using (app)
            {
                return await RunAsync(options, cluster, app);
            }
        }
        finally
        {
            await starting.ContinueWith(static _ => { }, TaskScheduler.Default);
            if (cluster.IsValueCreated)
            {
                await cluster.Value.DisposeAsync();
            }
        }
    }

    private static async Task<int> RunAsync(HostOptions options, Lazy<HostedCluster> cluster, WebApplication app)
    {
        try
        {
            await app.StartAsync();
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            throw new HostStartException($"cannot listen on {options.Http}: {e.InnerException?.Message ?? e.Message}", e);
        }
        catch (AggregateException e)
        {
            // HTTP and the brokers each have a reason; the brokers' says more.
            throw e.InnerExceptions.FirstOrDefault(one => one is ClusterStartException or ConfigException) ?? e.InnerException!;
        }
        TimeSpan took = DateTime.Now - Process.GetCurrentProcess().StartTime;
        Console.WriteLine($"console  {options.Http}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ready in {took.TotalSeconds:0.00} s"));
        Task stopped = app.WaitForShutdownAsync();
        if (await Task.WhenAny(stopped, cluster.Value.Failure) == stopped)
        {
            await stopped;
            return 0;
        }
        throw new HostStartException(await cluster.Value.Failure);
    }
}
