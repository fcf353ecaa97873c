using Broker.Client;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Replication.Fetching;

/// <summary>What the thread does, without one: for a simulation, in which every broker is of this version.</summary>
internal sealed partial class ReplicaFetcherThread
{
    private readonly Dialer? _dialer;
    private readonly CancellationTokenSource _ending = new();
    private TaskCompletionSource? _woken;
    private KafkaConnection? _line;

    private void Wake()
    {
        if (_dialer is null)
        {
            _wake.Set();
        }
        _woken?.TrySetResult();
    }

    private async Task WaitAsync(Dialer dialer, long ms)
    {
        _woken = new TaskCompletionSource();
        await Task.WhenAny(_woken.Task, Task.Delay(TimeSpan.FromMilliseconds(ms), dialer.Time, _ending.Token)).ConfigureAwait(false);
        _woken = null;
    }

    private async Task LoopAsync(Dialer dialer)
    {
        while (!_stopping)
        {
            try
            {
                await StepAsync(dialer).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                if (e is not (IOException or OperationCanceledException))
                {
                    LogBroken(Source, Index, e);
                }
                if (!_stopping)
                {
                    int pauseMs = TakeFailure(e.Message);
                    await HangUpAsync().ConfigureAwait(false);
                    await WaitAsync(dialer, pauseMs).ConfigureAwait(false);
                }
            }
        }
        await HangUpAsync().ConfigureAwait(false);
    }

    private async Task StepAsync(Dialer dialer)
    {
        if (HasNothingToSend)
        {
            await WaitAsync(dialer, _options.BackoffMs).ConfigureAwait(false);
            return;
        }
        using var late = new CancellationTokenSource(TimeSpan.FromMilliseconds(_options.SocketTimeoutMs), dialer.Time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(late.Token, _ending.Token);
        KafkaConnection line = _line ?? await DialAsync(dialer, limit.Token).ConfigureAwait(false);
        FetcherStep step;
        lock (_lock)
        {
            step = _fetcher.Next(FetchRequest.HighestVersion);
        }
        switch (step)
        {
            case FetcherStep.Idle:
                await WaitAsync(dialer, Math.Clamp(_fetcher.IdleMs, 1, _options.BackoffMs)).ConfigureAwait(false);
                break;
            case FetcherStep.Offsets:
                ListOffsetsResponse offsets = await line.SendAsync<ListOffsetsRequest, ListOffsetsResponse>(
                    _fetcher.Offsets, ListOffsetsRequest.HighestVersion, limit.Token).ConfigureAwait(false);
                lock (_lock)
                {
                    if (!_stopping)
                    {
                        _fetcher.OnOffsets(offsets);
                    }
                }
                break;
            default:
                FetchResponse fetched = await line.SendAsync<FetchRequest, FetchResponse>(
                    _fetcher.Fetch, _fetcher.FetchVersion, limit.Token).ConfigureAwait(false);
                lock (_lock)
                {
                    if (!_stopping)
                    {
                        _fetcher.OnFetched(fetched);
                    }
                }
                Interlocked.Increment(ref _requests);
                break;
        }
    }

    private async Task<KafkaConnection> DialAsync(Dialer dialer, CancellationToken cancellationToken)
    {
        BrokerEndpoint endpoint = _endpointOf(Source) ?? throw new IOException("its address is not known");
        _line = await KafkaConnection.ConnectAsync(
            dialer, endpoint.Host, endpoint.Port, _clientId, TimeSpan.FromMilliseconds(_options.SocketTimeoutMs), cancellationToken)
            .ConfigureAwait(false);
        _isUnreachable = false;
        return _line;
    }

    private async Task HangUpAsync()
    {
        if (_line is { } line)
        {
            _line = null;
            await line.DisposeAsync().ConfigureAwait(false);
        }
    }
}
