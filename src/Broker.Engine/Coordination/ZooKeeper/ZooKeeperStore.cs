using Microsoft.Extensions.Logging;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>The tree of a ZooKeeper ensemble, 3.5 or later. Thread-safe.</summary>
internal sealed class ZooKeeperStore : ICoordinationStore
{
    private readonly SemaphoreSlim _preparing = new(1, 1);
    private readonly ZooKeeperOptions _options;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILogger _logger;
    private volatile bool _hasChroot;

    /// <param name="options">Where the ensemble is.</param>
    /// <param name="time">For timeouts.</param>
    /// <param name="random">Chooses servers and waits; nobody else uses it.</param>
    /// <param name="logger">The host's log.</param>
    public ZooKeeperStore(ZooKeeperOptions options, TimeProvider time, Random random, ILogger logger)
    {
        _options = options;
        _time = time;
        _random = random;
        _logger = logger;
        _hasChroot = options.Chroot.Length == 0;
    }

    public async ValueTask<ICoordinationSession> OpenSessionAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (!_hasChroot)
        {
            await EnsureChrootAsync(timeout, cancellationToken).ConfigureAwait(false);
        }
        return await OpenAsync(_options, timeout, cancellationToken).ConfigureAwait(false);
    }

    private async Task EnsureChrootAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        await _preparing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_hasChroot)
            {
                ICoordinationSession session = await OpenAsync(_options with { Chroot = "" }, timeout, cancellationToken).ConfigureAwait(false);
                await using (session.ConfigureAwait(false))
                {
                    await session.EnsurePathAsync(_options.Chroot, cancellationToken).ConfigureAwait(false);
                }
                _hasChroot = true;
            }
        }
        finally
        {
            _preparing.Release();
        }
    }

    private async ValueTask<ICoordinationSession> OpenAsync(ZooKeeperOptions options, TimeSpan timeout, CancellationToken cancellationToken)
    {
        Random own;
        lock (_random)
        {
            own = new Random(_random.Next());
        }
        return await ZooKeeperSession.OpenAsync(options, timeout, _time, own, _logger, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sessions are their owners' to close.</summary>
    public ValueTask DisposeAsync()
    {
        _preparing.Dispose();
        return default;
    }
}
