using System.Text.Json.Serialization;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components.Server.Circuits;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Radzen;
using WebConsole.Api;
using WebConsole.Live;
using WebConsole.Services;

namespace WebConsole;

/// <summary>What a host adds to serve the console and the REST API; it brings an <see cref="IClusterAdmin"/>.</summary>
public static class ConsoleSetup
{
    public static IServiceCollection AddConsole(this IServiceCollection services)
    {
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddRadzenComponents();
        services.AddSingleton(TimeProvider.System);
        services.AddScoped<LiveState>();
        services.AddScoped<CircuitHandler, LiveCircuit>();
        services.AddScoped<Browser>();
        services.AddScoped<BrowserZone>();
        services.AddScoped<Commands>();
        services.AddSingleton<PaletteSearch>();
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.Converters.Add(new JsonStringEnumConverter());
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);   // ApiRules says what was wrong
        services.AddOpenApi(document => document.AddDocumentTransformer(ClusterApi.DescribeAsync));
        return services;
    }

    public static WebApplication MapConsole(this WebApplication app)
    {
        app.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true);
        app.UseApiRules();
        app.UseAntiforgery();
        app.MapStaticAssets();
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode();
        app.MapOpenApi("/openapi/{documentName}.json");
        app.UseSwaggerUI(page =>
        {
            page.RoutePrefix = "api";
            page.SwaggerEndpoint("/openapi/v1.json", "Wheelhouse");
        });
        app.MapClusterApi();
        return app;
    }
}
