using Broker.Engine;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Hosting.Server;
using WebConsole;

namespace Broker.Host;

/// <summary>
/// The host: the brokers as a background service, and HTTP. Kestrel and the health checks are there from the start; what the
/// console and the REST API need is built when the first request asks for it, so that a broker nobody looks at starts fast and
/// stays small.
/// </summary>
internal static class HttpSide
{
    /// <summary>How long requests that are under way may take at the end.</summary>
    private static readonly TimeSpan s_drainTimeout = TimeSpan.FromSeconds(2);

    public static WebApplication Build(HostOptions options, Lazy<HostedCluster> cluster, Task starting, ILoggerFactory loggers)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(Named());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseUrls(options.Http.ToString().TrimEnd('/'));
        builder.Services.AddSingleton(loggers);
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o =>
        {
            o.ShutdownTimeout = s_drainTimeout;
            o.ServicesStartConcurrently = true;
        });
        builder.Services.AddHostedService(services => new BrokersService(cluster, starting, services.GetRequiredService<IClusterAdmin>));
        builder.Services.AddSingleton(_ => ClusterDoor.Open(cluster.Value));
        builder.Services.AddSingleton(services => ClusterDoor.OpenMetrics(cluster.Value, services.GetRequiredService<IClusterAdmin>()));
        builder.Services.AddSingleton(services => new LateApplication(server => BuildConsole(services, loggers, server)));
        WebApplication app = builder.Build();
        LateApplication console = app.Services.GetRequiredService<LateApplication>();
        app.Run(context => context.Request.Path.Value switch
        {
            "/health/live" => Answer(context, StatusCodes.Status200OK, "live\n"),
            "/health/ready" when starting.IsCompletedSuccessfully && cluster.Value.IsReady => Answer(context, StatusCodes.Status200OK, "ready\n"),
            "/health/ready" => Answer(context, StatusCodes.Status503ServiceUnavailable, "starting\n"),
            _ when !starting.IsCompletedSuccessfully => Answer(context, StatusCodes.Status503ServiceUnavailable, "starting\n"),
            _ => console.ProcessAsync(context),
        });
        return app;
    }

    private static WebApplicationOptions Named() => new()
    {
        ContentRootPath = AppContext.BaseDirectory,
        ApplicationName = typeof(HttpSide).Assembly.GetName().Name,
    };

    private static Task Answer(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(text);
    }

    private static WebApplication BuildConsole(IServiceProvider host, ILoggerFactory loggers, IServer server)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(Named());
        builder.Services.AddSingleton(server);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton(host.GetRequiredService<IClusterAdmin>());
        builder.Services.AddSingleton(host.GetRequiredService<IMetricsDoor>());
        builder.Services.AddConsole();
        builder.WebHost.UseStaticWebAssets();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        WebApplication console = builder.Build().MapConsole();
        // Tails and circuits end as soon as the host begins to: else they would hold it up until they are cut.
        host.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(console.Lifetime.StopApplication);
        return console;
    }

    /// <summary>The host alone listens to signals.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

/// <summary>The brokers as a background service of the host.</summary>
/// <param name="cluster">The brokers.</param>
/// <param name="starting">Their start, under way since before the host was built.</param>
/// <param name="openDoor">Opens the console's door: it samples rates from the start, not from the first visit.</param>
internal sealed class BrokersService(Lazy<HostedCluster> cluster, Task starting, Func<IClusterAdmin> openDoor) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await starting;
        _ = openDoor();
    }

    /// <summary>Closes the logs cleanly, however long that takes: cut short, the next start would have to recover them.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => cluster.Value.StopAsync();
}
