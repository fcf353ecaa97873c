using Broker.Engine.Admin;
using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Radzen;
using WebConsole.Live;
using WebConsole.Services;

namespace WebConsole.Tests;

/// <summary>What a page finds around it on a circuit: the services of one operator, over a real cluster.</summary>
public abstract class ConsoleContext : BunitContext
{
    protected ConsoleContext(ClusterFixture cluster)
    {
        Cluster = cluster;
        Admin = new WatchedAdmin(cluster.Admin);
        JSInterop.Mode = JSRuntimeMode.Loose;
        Services.AddSingleton<IClusterAdmin>(Admin);
        Services.AddSingleton<TimeProvider>(Clock);
        Services.AddScoped<LiveState>();
        Services.AddScoped<Browser>();
        Services.AddScoped<BrowserZone>();
        Services.AddScoped<Commands>();
        Services.AddSingleton<PaletteSearch>();
        Services.AddRadzenComponents();
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));
    }

    private protected WatchedAdmin Admin { get; }

    protected ClusterFixture Cluster { get; }

    /// <summary>The console's clock; the cluster has its own.</summary>
    protected FakeTimeProvider Clock { get; } = new(DateTimeOffset.UtcNow);

    protected LiveState Live => Services.GetRequiredService<LiveState>();

    protected NavigationManager Navigation => Services.GetRequiredService<NavigationManager>();

    protected NotificationService Notifications => Services.GetRequiredService<NotificationService>();

    protected static CancellationToken Token => Xunit.TestContext.Current.CancellationToken;

    /// <summary>Shows a page as if the browser had gone to an address.</summary>
    protected IRenderedComponent<TPage> Show<TPage>(string address, Action<ComponentParameterCollectionBuilder<TPage>>? parameters = null)
        where TPage : IComponent
    {
        Navigation.NavigateTo(address);
        return Render(parameters ?? (_ => { }));
    }

    /// <summary>A feed's call, after the rest that a refresh is given.</summary>
    protected void Tick()
    {
        Clock.Advance(TimeSpan.FromSeconds(1));
        Admin.Tick();
    }

    protected static ReadOnlyMemory<byte>? Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);
}
