using System.Diagnostics;
using System.Globalization;
using Broker.Engine;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging.Console;

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
        using ILoggerFactory loggers = CreateLoggers();
        using var time = new WheelTimeProvider(loggers.CreateLogger("Host"));
        HostedCluster cluster = HostedCluster.Configure(SettingsReader.Read(options), time, loggers);
        await using (cluster)
        {
            WebApplication app = HttpSide.Build(options, cluster, loggers);
            await using (app)
            {
                return await RunAsync(options, cluster, app);
            }
        }
    }

    private static async Task<int> RunAsync(HostOptions options, HostedCluster cluster, WebApplication app)
    {
        try
        {
            await app.StartAsync();
        }
        catch (IOException e)
        {
            throw new HostStartException($"cannot listen on {options.Http}: {e.InnerException?.Message ?? e.Message}", e);
        }
        catch (AggregateException e)
        {
            throw e.InnerExceptions.OfType<ClusterStartException>().FirstOrDefault() ?? e.InnerException!;
        }
        TimeSpan took = DateTime.Now - Process.GetCurrentProcess().StartTime;
        Console.WriteLine($"console  {options.Http}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ready in {took.TotalSeconds:0.00} s"));
        Task stopped = app.WaitForShutdownAsync();
        if (await Task.WhenAny(stopped, cluster.Failure) == stopped)
        {
            await stopped;
            return 0;
        }
        throw new HostStartException(await cluster.Failure);
    }

    private static ILoggerFactory CreateLoggers() => LoggerFactory.Create(logging => logging
        .SetMinimumLevel(LogLevel.Information)
        .AddFilter("Microsoft", LogLevel.Warning)
        .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None)   // the host says itself, in one line, why it cannot start
        .AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.ColorBehavior = LoggerColorBehavior.Disabled;
            console.TimestampFormat = "yyyy-MM-dd HH:mm:ss.fff ";
        }));
}
