using Broker.Engine;
using Broker.Engine.Admin;
using WebConsole;

namespace Broker.Host;

/// <summary>Everything that speaks HTTP: health, and what the console brings.</summary>
internal static class HttpSide
{
    public static WebApplication Build(HostOptions options, HostedCluster cluster, ILoggerFactory loggers)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            ContentRootPath = AppContext.BaseDirectory,
            ApplicationName = typeof(HttpSide).Assembly.GetName().Name,
        });
        builder.WebHost.UseUrls(options.Http.ToString().TrimEnd('/'));
        builder.Services.AddSingleton(loggers);
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.Services.AddSingleton(_ => ClusterDoor.Open(cluster));
        builder.Services.AddSingleton(_ => ClusterDoor.OpenMetrics(cluster));
        builder.Services.AddConsole();
        builder.WebHost.UseStaticWebAssets();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        WebApplication app = builder.Build();
        app.MapGet("/health/live", () => Results.Text("live\n"));
        app.MapGet("/health/ready", () => cluster.IsReady
            ? Results.Text("ready\n") : Results.Text("starting\n", statusCode: StatusCodes.Status503ServiceUnavailable));
        _ = app.Services.GetRequiredService<IClusterAdmin>();   // it samples rates from the start, not from the first visit
        return app.MapConsole();
    }
}
