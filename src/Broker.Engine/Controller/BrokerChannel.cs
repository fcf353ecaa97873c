using System.Diagnostics;
using System.Threading.Channels;
using Broker.Client;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>
/// The controller's line to one broker: requests go out one at a time, in order, and are sent again until they are answered or
/// the broker is gone. After Kafka's RequestSendThread. Thread-safe.
/// </summary>
internal sealed partial class BrokerChannel : IAsyncDisposable
{
    private static readonly TimeSpan s_retryDelay = TimeSpan.FromMilliseconds(100);

    private readonly Channel<Queued> _requests =
        Channel.CreateUnbounded<Queued>(new UnboundedChannelOptions { SingleReader = true });

    private readonly CancellationTokenSource _stopping = new();
    private readonly TimeSpan _timeout;
    private readonly Dialer _dialer;
    private readonly ILogger _logger;
    private readonly Task _running;
    private volatile BrokerImage _broker;
    private PeerConnection? _connection;
    private BrokerEndpoint? _connectedTo;
    private int _queued;

    /// <param name="broker">Whom to talk to.</param>
    /// <param name="epoch">Its registration's number: requests carry it.</param>
    /// <param name="timeout">controller.socket.timeout.ms.</param>
    /// <param name="dialer">Opens connections, and has the time for the pause before a retry.</param>
    /// <param name="logger">The controller's log.</param>
    public BrokerChannel(BrokerImage broker, long epoch, TimeSpan timeout, Dialer dialer, ILogger logger)
    {
        _broker = broker;
        Epoch = epoch;
        _timeout = timeout;
        _dialer = dialer;
        _logger = logger;
        QueueTimes = new LatencyTimer(dialer.Time, "requests");
        _running = Task.Run(RunAsync);
    }

    /// <summary>The broker; where it is reached may change, and the next request goes there.</summary>
    public BrokerImage Broker
    {
        get => _broker;
        set => _broker = value;
    }

    public long Epoch { get; }

    /// <summary>The first registration of the broker's process.</summary>
    public required long FirstEpoch { get; init; }

    /// <summary>Requests that wait, the one under way included.</summary>
    public int QueueSize => Volatile.Read(ref _queued);

    /// <summary>How long requests waited before they were sent.</summary>
    public LatencyTimer QueueTimes { get; }

    /// <summary>Sends a request, after those before it are answered; not at all when the broker goes.</summary>
    /// <param name="request">What to send.</param>
    /// <param name="answered">Called with the answer, between two requests.</param>
    public void Send<TRequest, TResponse>(TRequest request, Action<TResponse>? answered = null)
        where TRequest : IApiMessage
        where TResponse : IApiMessage, new()
    {
        Interlocked.Increment(ref _queued);
        _requests.Writer.TryWrite(new Queued(Stopwatch.GetTimestamp(), async (connection, cancellationToken) =>
        {
            TResponse response = await connection.SendAsync<TRequest, TResponse>(request, cancellationToken).ConfigureAwait(false);
            answered?.Invoke(response);
        }));
    }

    /// <summary>Completes when everything sent until now is answered; never when the broker goes before that.</summary>
    public Task WhenAnswered()
    {
        var answered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Increment(ref _queued);
        _requests.Writer.TryWrite(new Queued(Stopwatch.GetTimestamp(), (_, _) =>
        {
            answered.TrySetResult();
            return Task.CompletedTask;
        }));
        return answered.Task;
    }

    private sealed record Queued(long At, Func<PeerConnection, CancellationToken, Task> Request)
    {
        public bool Tried { get; set; }
    }

    private async Task RunAsync()
    {
        try
        {
            while (await _requests.Reader.WaitToReadAsync(_stopping.Token).ConfigureAwait(false))
            {
                while (_requests.Reader.TryPeek(out Queued? next))
                {
                    if (!next.Tried)
                    {
                        next.Tried = true;
                        QueueTimes.Record(Stopwatch.GetTimestamp() - next.At);
                    }
                    if (await TrySendAsync(next.Request).ConfigureAwait(false))
                    {
                        _requests.Reader.TryRead(out _);
                        Interlocked.Decrement(ref _queued);
                    }
                    else
                    {
                        await Task.Delay(s_retryDelay, _dialer.Time, _stopping.Token).ConfigureAwait(false);
                    }
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // the broker is gone, or this controller is
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogFailed(Broker.Id, e);
        }
    }

    private async Task<bool> TrySendAsync(Func<PeerConnection, CancellationToken, Task> request)
    {
        using var late = new CancellationTokenSource(_timeout, _dialer.Time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, late.Token);
        BrokerEndpoint endpoint = _broker.Endpoints[0];
        try
        {
            if (endpoint != _connectedTo)
            {
                await DisconnectAsync().ConfigureAwait(false);
            }
            _connection ??= await PeerConnection.ConnectAsync(
                _dialer, endpoint, "controller", _timeout, limit.Token).ConfigureAwait(false);
            _connectedTo = endpoint;
            await request(_connection, limit.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is IOException || (e is OperationCanceledException && !_stopping.IsCancellationRequested))
        {
            LogRetry(Broker.Id, endpoint.Host, endpoint.Port, e.Message);
            await DisconnectAsync().ConfigureAwait(false);
            return false;
        }
    }

    private async Task DisconnectAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        await DisconnectAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    [LoggerMessage(7001, LogLevel.Debug, "broker {Id} at {Host}:{Port} did not answer the controller, which tries again: {Reason}", EventName = "ControlRetry")]
    private partial void LogRetry(int id, string host, int port, string reason);

    [LoggerMessage(7002, LogLevel.Error, "the controller's line to broker {Id} failed", EventName = "ControlFailed")]
    private partial void LogFailed(int id, Exception exception);
}
