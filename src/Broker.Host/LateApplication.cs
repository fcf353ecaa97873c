using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Broker.Host;

/// <summary>
/// A web application that is built and started by the first request for it, and that is given its requests by the host's own
/// server instead of listening itself. A build that fails is tried again by the next request. Thread-safe.
/// </summary>
internal sealed class LateApplication(Func<IServer, WebApplication> build) : IAsyncDisposable
{
    private readonly SemaphoreSlim _building = new(1, 1);
    private volatile Started? _started;

    private sealed record Started(WebApplication Application, Func<IFeatureCollection, Task> ProcessAsync);

    /// <summary>Lets the application answer a request.</summary>
    public Task ProcessAsync(HttpContext context) =>
        _started is { } started ? started.ProcessAsync(context.Features) : StartAndProcessAsync(context);

    private async Task StartAndProcessAsync(HttpContext context)
    {
        await _building.WaitAsync(context.RequestAborted);
        try
        {
            _started ??= await StartAsync();
        }
        finally
        {
            _building.Release();
        }
        await _started.ProcessAsync(context.Features);
    }

    private async Task<Started> StartAsync()
    {
        var server = new GivenServer();
        WebApplication application = build(server);
        try
        {
            await application.StartAsync();
            return new Started(application, server.ProcessAsync!);
        }
        catch
        {
            await application.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_started is { } started)
        {
            await started.Application.DisposeAsync();
        }
        _building.Dispose();
    }

    /// <summary>A server that waits to be given requests.</summary>
    private sealed class GivenServer : IServer
    {
        public Func<IFeatureCollection, Task>? ProcessAsync { get; private set; }

        public IFeatureCollection Features { get; } = NewFeatures();

        private static FeatureCollection NewFeatures()
        {
            var features = new FeatureCollection();
            features.Set<IServerAddressesFeature>(new ServerAddressesFeature());
            return features;
        }

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull
        {
            ProcessAsync = async features =>
            {
                TContext context = application.CreateContext(features);
                Exception? failure = null;
                try
                {
                    await application.ProcessRequestAsync(context);
                }
                catch (Exception e)
                {
                    failure = e;
                    throw;
                }
                finally
                {
                    application.DisposeContext(context, failure);
                }
            };
            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }
}
