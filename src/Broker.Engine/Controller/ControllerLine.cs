using Broker.Client;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>
/// A broker's line to whichever broker is the controller: it finds it by <c>/controller</c>, and asks again until a controller
/// has answered. Requests may be sent while earlier ones wait. After Kafka's NodeToControllerChannelManager. Thread-safe.
/// </summary>
internal sealed partial class ControllerLine : IAsyncDisposable
{
    private static readonly TimeSpan s_retryDelay = TimeSpan.FromMilliseconds(50);

    private readonly SemaphoreSlim _connecting = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Func<ICoordinationSession> _session;
    private readonly MetadataCache _metadata;
    private readonly TimeSpan _timeout;
    private readonly Dialer _dialer;
    private readonly string _clientId;
    private readonly ILogger _logger;
    private volatile PeerConnection? _connection;

    /// <param name="brokerId">This broker.</param>
    /// <param name="session">Its session of now.</param>
    /// <param name="metadata">Where it knows the other brokers from.</param>
    /// <param name="timeout">controller.socket.timeout.ms.</param>
    /// <param name="dialer">Opens connections, and has the time for deadlines and pauses.</param>
    /// <param name="logger">The broker's log.</param>
    public ControllerLine(
        int brokerId, Func<ICoordinationSession> session, MetadataCache metadata, TimeSpan timeout, Dialer dialer, ILogger logger)
    {
        _clientId = $"broker-{brokerId}-to-controller";
        _session = session;
        _metadata = metadata;
        _timeout = timeout;
        _dialer = dialer;
        _logger = logger;
    }

    /// <summary>What deadlines are counted in.</summary>
    public TimeProvider Time => _dialer.Time;

    /// <summary>Sends a request to the controller, again and again until one that is the controller has answered. So it may
    /// arrive more than once.</summary>
    /// <exception cref="OperationCanceledException">Cancelled, or the broker stops.</exception>
    public async Task<TResponse> SendAsync<TRequest, TResponse>(TRequest request, CancellationToken cancellationToken)
        where TRequest : IApiMessage
        where TResponse : IApiMessage, new()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token);
        while (true)
        {
            PeerConnection? connection = null;
            try
            {
                using var late = new CancellationTokenSource(_timeout, _dialer.Time);
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(ending.Token, late.Token);
                connection = await ConnectAsync(limit.Token).ConfigureAwait(false);
                TResponse response = await connection.SendAsync<TRequest, TResponse>(request, limit.Token).ConfigureAwait(false);
                if (!IsFromAnother(response, connection.VersionOf<TRequest>()))
                {
                    return response;
                }
                LogRetry(TRequest.Api, "it is not the controller any more");
            }
            catch (Exception e) when (
                e is IOException or CoordinationException or InvalidOperationException
                || (e is OperationCanceledException && !ending.IsCancellationRequested))
            {
                LogRetry(TRequest.Api, e.Message);
            }
            if (connection is not null)
            {
                await DropAsync(connection).ConfigureAwait(false);
            }
            await Task.Delay(s_retryDelay, _dialer.Time, ending.Token).ConfigureAwait(false);
        }
    }

    /// <summary>The controller has changed: what waits for an answer of the old one asks the new one.</summary>
    public void Forget()
    {
        if (_connection is { } connection)
        {
            _ = DropAsync(connection);
        }
    }

    private async Task<PeerConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        if (_connection is { } known)
        {
            return known;
        }
        await _connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_connection is { } made)
            {
                return made;
            }
            BrokerEndpoint endpoint = await FindAsync(cancellationToken).ConfigureAwait(false);
            PeerConnection connection = await PeerConnection.ConnectAsync(
                _dialer, endpoint, _clientId, _timeout, cancellationToken).ConfigureAwait(false);
            _connection = connection;
            return connection;
        }
        finally
        {
            _connecting.Release();
        }
    }

    private async Task<BrokerEndpoint> FindAsync(CancellationToken cancellationToken)
    {
        ICoordinationSession session = _session();
        GetResult controller = await session.GetAsync(ClusterPaths.Controller, cancellationToken).ConfigureAwait(false);
        controller.Error.ThrowIfFailed(ClusterPaths.Controller);
        int id = ClusterJson.ReadController(controller.Data);
        if (_metadata.Current.Brokers.GetValueOrDefault(id) is { } image)
        {
            return image.Endpoints[0];
        }
        GetResult broker = await session.GetAsync(ClusterPaths.Broker(id), cancellationToken).ConfigureAwait(false);
        broker.Error.ThrowIfFailed(ClusterPaths.Broker(id));
        return ClusterJson.ReadBroker(id, broker.Data, broker.Stat.Czxid).Broker.Endpoints[0];
    }

    private async Task DropAsync(PeerConnection connection)
    {
        if (Interlocked.CompareExchange(ref _connection, null, connection) == connection)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        if (_connection is { } connection)
        {
            await DropAsync(connection).ConfigureAwait(false);
        }
    }

    /// <summary>Whether an answer says that its sender is not the controller. An answer to AlterPartition may say it of single
    /// partitions, where the controller knows less than the leader: that is for the leader to know.</summary>
    private static bool IsFromAnother(IKafkaMessage response, short version) =>
        response is AlterPartitionResponse alter ? alter.ErrorCode == ErrorCode.NotController : NotController.Answers(response, version);

    /// <summary>Looks for NOT_CONTROLLER in an answer.</summary>
    private sealed class NotController : IErrorCounter
    {
        private bool _found;

        public static bool Answers(IKafkaMessage response, short version)
        {
            var counter = new NotController();
            response.CountErrors(counter, version);
            return counter._found;
        }

        public void Add(ErrorCode code, int times = 1) => _found |= code == ErrorCode.NotController;
    }

    [LoggerMessage(7050, LogLevel.Debug, "{Api} is sent to the controller again: {Reason}", EventName = "ControllerRetry")]
    private partial void LogRetry(ApiKey api, string reason);
}
