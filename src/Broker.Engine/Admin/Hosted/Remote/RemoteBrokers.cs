using System.Collections.Concurrent;
using Broker.Client;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted.Remote;

/// <summary>A line to each broker of another host, for what only that broker knows. Lines are opened when they are needed and
/// dropped when they fail. The versions asked for are those that Kafka 2.8 to 4.x all have. Thread-safe.</summary>
/// <param name="image">The cluster as it is known now.</param>
/// <param name="time">For the limits.</param>
internal sealed class RemoteBrokers(Func<MetadataImage> image, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan s_connectWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_answerWithin = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<int, Task<KafkaConnection>> _lines = new();

    /// <param name="broker">Whom to ask.</param>
    /// <param name="request">What.</param>
    /// <param name="version">In which version.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <param name="mayTakeMs">What the broker itself may take, beyond the way there and back.</param>
    /// <exception cref="AdminException">BROKER_NOT_AVAILABLE: it does not answer, or not in time.</exception>
    public async Task<TResponse> CallAsync<TRequest, TResponse>(
        int broker, TRequest request, short version, CancellationToken cancellationToken, long mayTakeMs = 0)
        where TRequest : IApiMessage
        where TResponse : IApiMessage, new()
    {
        using var late = new CancellationTokenSource(s_answerWithin + TimeSpan.FromMilliseconds(mayTakeMs), time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        Task<KafkaConnection> line = _lines.GetOrAdd(broker, OpenAsync);
        try
        {
            KafkaConnection connection = await line.WaitAsync(limit.Token).ConfigureAwait(false);
            return await connection.SendAsync<TRequest, TResponse>(request, version, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Drop(broker, line);
            throw new AdminException("BROKER_NOT_AVAILABLE", $"Broker {broker} does not answer: {e.Message}");
        }
    }

    private async Task<KafkaConnection> OpenAsync(int broker)
    {
        await Task.Yield();   // not within the dictionary
        BrokerEndpoint endpoint = image().Brokers.GetValueOrDefault(broker)?.Endpoints[0]
            ?? throw new IOException($"broker {broker} is not in the cluster");
        return await KafkaConnection.ConnectAsync(
            endpoint.Host, endpoint.Port, "console", s_connectWithin, CancellationToken.None).ConfigureAwait(false);
    }

    private void Drop(int broker, Task<KafkaConnection> line)
    {
        if (_lines.TryRemove(KeyValuePair.Create(broker, line)))
        {
            _ = CloseAsync(line);
        }
    }

    private static async Task CloseAsync(Task<KafkaConnection> line)
    {
        try
        {
            await (await line.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
        catch (IOException)
        {
            // it was never open
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach ((int broker, Task<KafkaConnection> line) in _lines)
        {
            if (_lines.TryRemove(KeyValuePair.Create(broker, line)))
            {
                await CloseAsync(line).ConfigureAwait(false);
            }
        }
    }
}
