using Broker.Engine;

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
        builder.Services.AddSingleton(cluster);
        WebApplication app = builder.Build();
        app.MapGet("/health/live", () => Results.Text("live\n"));
        app.MapGet("/health/ready", () => cluster.IsReady
            ? Results.Text("ready\n") : Results.Text("starting\n", statusCode: StatusCodes.Status503ServiceUnavailable));
        return app;
    }
}
