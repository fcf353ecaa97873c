using Broker.Client;
using Broker.Engine.Controller;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Produce;

/// <summary>A connection to a new leader, over which batches go out in the order in which <see cref="SendAsync"/> was called.
/// Thread-safe.</summary>
internal sealed class HandoverLine(Func<BrokerEndpoint?> endpoint, string clientId, Dialer dialer, CancellationToken ending)
    : IAsyncDisposable
{
    /// <summary>Longest that a connection is waited for.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    /// <summary>The highest version that names topics, for one that has no id.</summary>
    private const short ByName = 12;

    /// <summary>Who waits for it is let through in the order of coming.</summary>
    private readonly SemaphoreSlim _turn = new(1, 1);
    private PeerConnection? _connection;

    /// <summary>Connects; completes in any case.</summary>
    public async Task ReadyAsync()
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);   // each turn is short
        try
        {
            await ConnectedAsync().ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Sends a request.</summary>
    /// <returns>Its answer, to be waited for; null where it cannot be sent, so that nobody has it.</returns>
    public async Task<Task<ProduceResponse>?> SendAsync(ProduceRequest request, CancellationToken cancellationToken)
    {
        try
        {
            await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        try
        {
            return await ConnectedAsync().ConfigureAwait(false) is { } connection
                ? connection.SendAsync<ProduceRequest, ProduceResponse>(
                    request, cancellationToken, request.TopicData[0].TopicId == Guid.Empty ? ByName : short.MaxValue)
                : null;
        }
        catch (IOException)
        {
            return null;   // no version that both know
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<PeerConnection?> ConnectedAsync()
    {
        if (_connection is { HasFailed: false } connection)
        {
            return connection;
        }
        if (_connection is { } failed)
        {
            _connection = null;
            await failed.DisposeAsync().ConfigureAwait(false);
        }
        using var late = new CancellationTokenSource(s_patience, dialer.Time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(late.Token, ending);
        try
        {
            return endpoint() is { } there
                ? _connection = await PeerConnection.ConnectAsync(dialer, there, clientId, s_patience, limit.Token).ConfigureAwait(false)
                : null;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Ends the connection; whoever waits for an answer gets none.</summary>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        if (_connection is { } connection)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }
}
