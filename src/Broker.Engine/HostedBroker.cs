using Broker.Engine.Admin;
using Broker.Engine.Configuration;
using Broker.Engine.Coordination;

namespace Broker.Engine;

/// <summary>A broker's place in its host: it can be started and stopped again and again, each time a new
/// <see cref="BrokerServer"/>. Thread-safe.</summary>
internal sealed class HostedBroker(BrokerConfig config, BrokerEnvironment environment, Action<string> failed)
{
    /// <summary>How long one wait for the controller's word lasts, milliseconds; then it is looked whether to go on.</summary>
    private const long WaitMs = 1_000;

    private readonly SemaphoreSlim _changing = new(1, 1);
    private volatile BrokerServer? _server;
    private volatile BrokerState _state = BrokerState.Stopped;
    private volatile string? _failure;
    private ICoordinationSession? _abandoned;

    public int Id => config.BrokerId;

    public BrokerConfig Config => config;

    /// <summary>The broker while it runs, else null.</summary>
    public BrokerServer? Server => _server;

    public BrokerState State => _state == BrokerState.Starting && Recovery is not null ? BrokerState.Recovering : _state;

    /// <summary>How far it is with reading its logs after a stop that was not clean; null where it does not.</summary>
    public Storage.RecoveryProgress? Recovery => _server?.Logs.Recovery;

    /// <summary>Why it failed, or null.</summary>
    public string? Failure => _failure;

    public bool IsServing => _state == BrokerState.Running && _server is { IsServing: true };

    /// <summary>Starts the broker and waits until it serves.</summary>
    /// <exception cref="BrokerStartException">It cannot start.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _changing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_server is not null)
            {
                return;
            }
            _state = BrokerState.Starting;
            _failure = null;
            if (_abandoned is { } before)
            {
                _abandoned = null;
                await before.DisposeAsync().ConfigureAwait(false);   // its registration would be in the way until it expires
            }
            var server = new BrokerServer(config, environment) { Failed = Fail };
            _server = server;
            try
            {
                await server.StartAsync(cancellationToken).ConfigureAwait(false);
                while (!await server.Waits.WaitAsync(_ => server.IsServing, WaitMs, $"start of broker {Id}").ConfigureAwait(false))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                }
                _state = BrokerState.Running;
            }
            catch (Exception e)
            {
                _failure = e.Message;
                _server = null;
                await server.DisposeAsync().ConfigureAwait(false);
                _state = BrokerState.Failed;
                throw;
            }
        }
        finally
        {
            _changing.Release();
        }
    }

    private void Fail(string reason)
    {
        _failure = reason;
        _state = BrokerState.Failed;
        failed($"broker {Id}: {reason}");
    }

    /// <summary>Stops the broker as kill -9 would, while its host lives: the others have to find out.</summary>
    public async Task KillAsync()
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_server is { } server)
            {
                _state = BrokerState.Stopping;
                _abandoned = await server.AbandonAsync().ConfigureAwait(false);
                await server.DisposeAsync().ConfigureAwait(false);
                _server = null;
                _state = BrokerState.Stopped;
            }
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Stops the broker cleanly.</summary>
    /// <param name="alongside">Brokers that stop at the same time.</param>
    public async Task StopAsync(IReadOnlySet<int>? alongside = null)
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_server is { } server)
            {
                _state = BrokerState.Stopping;
                await server.StopAsync(alongside ?? new HashSet<int>()).ConfigureAwait(false);
                await server.DisposeAsync().ConfigureAwait(false);
                _server = null;
                _state = BrokerState.Stopped;
            }
        }
        finally
        {
            _changing.Release();
        }
    }
}
