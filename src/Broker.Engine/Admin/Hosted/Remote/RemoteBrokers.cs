using System.Collections.Concurrent;
using Broker.Client;
using Broker.Engine.Controller;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted.Remote;

/// <summary>A line to each broker of another host, for what only that broker knows. Lines are opened when they are needed and
/// dropped when they fail. A broker that did not answer is left alone for a moment, so that who asks it many things waits but
/// once. Each request goes out in the highest version that it is filled in for and the broker knows. Thread-safe.</summary>
/// <param name="image">The cluster as it is known now.</param>
/// <param name="time">For the limits.</param>
internal sealed class RemoteBrokers(Func<MetadataImage> image, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan s_connectWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_answerWithin = TimeSpan.FromSeconds(5);

    /// <summary>How long somebody who looks on waits for an answer.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(800);

    /// <summary>How long a broker that did not answer is not asked again.</summary>
    private static readonly TimeSpan s_rest = TimeSpan.FromSeconds(1);

    /// <summary>Who asks for offsets: a client, for whom the end is the high watermark.</summary>
    public const int Client = -1;

    /// <summary>The debugging replica, for which the end is the log's, of followers too.</summary>
    public const int Debugging = -2;

    private readonly ConcurrentDictionary<int, Task<PeerConnection>> _lines = new();
    private readonly ConcurrentDictionary<int, (string Why, long At)> _silent = new();
    private readonly ConcurrentDictionary<int, (string Why, long At)> _slow = new();

    /// <param name="broker">Whom to ask.</param>
    /// <param name="request">What.</param>
    /// <param name="atMost">The highest version that the request is filled in for.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <param name="mayTakeMs">What the broker itself may take, beyond the way there and back.</param>
    /// <exception cref="AdminException">BROKER_NOT_AVAILABLE: it does not answer, or not in time.</exception>
    public async Task<TResponse> CallAsync<TRequest, TResponse>(
        int broker, TRequest request, short atMost, CancellationToken cancellationToken, long mayTakeMs = 0)
        where TRequest : IApiMessage
        where TResponse : IApiMessage, new()
    {
        ThrowIfAtRest(_silent, broker);
        TimeSpan within = s_answerWithin + TimeSpan.FromMilliseconds(mayTakeMs);
        using var late = new CancellationTokenSource(within, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        Task<PeerConnection> line = LineTo(broker);
        try
        {
            PeerConnection connection = await line.WaitAsync(limit.Token).ConfigureAwait(false);
            return await connection.SendAsync<TRequest, TResponse>(request, limit.Token, atMost).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Drop(broker, line);
            string why = e is IOException ? e.Message : $"nothing came within {within.TotalSeconds:0} s";
            if (e is OperationCanceledException || line.IsFaulted)
            {
                _silent[broker] = (why, time.GetTimestamp());
            }
            throw Silent(broker, why);
        }
    }

    /// <summary>The same for what a broker answers from memory and somebody looks on for: it is waited for less than a second. Others may
    /// wait longer over the same line.</summary>
    /// <exception cref="AdminException">BROKER_NOT_AVAILABLE: it does not answer, or not in time.</exception>
    public async Task<TResponse> AskAsync<TRequest, TResponse>(int broker, TRequest request, short atMost, CancellationToken cancellationToken)
        where TRequest : IApiMessage
        where TResponse : IApiMessage, new()
    {
        ThrowIfAtRest(_slow, broker);
        using var late = new CancellationTokenSource(s_patience, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            return await CallAsync<TRequest, TResponse>(broker, request, atMost, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            string why = $"nothing came within {s_patience.TotalMilliseconds:0} ms";
            _slow[broker] = (why, time.GetTimestamp());
            throw Silent(broker, why);
        }
    }

    /// <summary>Whether a broker is there at all, before it is asked for what may take its time, and what nobody knows the outcome of
    /// when no answer comes.</summary>
    /// <exception cref="AdminException">BROKER_NOT_AVAILABLE: it does not answer within a second.</exception>
    public Task ReachAsync(int broker, CancellationToken cancellationToken) =>
        AskAsync<ApiVersionsRequest, ApiVersionsResponse>(broker, new(), 0, cancellationToken);

    private void ThrowIfAtRest(ConcurrentDictionary<int, (string Why, long At)> resting, int broker)
    {
        if (resting.TryGetValue(broker, out (string Why, long At) rest) && time.GetElapsedTime(rest.At) < s_rest)
        {
            throw Silent(broker, rest.Why);
        }
    }

    /// <summary>Asks for one offset of many partitions (ListOffsets); those that the broker refuses are left out.</summary>
    /// <param name="broker">Whom to ask.</param>
    /// <param name="partitions">Of which.</param>
    /// <param name="replica"><see cref="Client"/> or <see cref="Debugging"/>.</param>
    /// <param name="timestamp">Which offset.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="AdminException">BROKER_NOT_AVAILABLE: it does not answer, or not in time.</exception>
    public async Task<Dictionary<TopicPartition, long>> OffsetsAsync(
        int broker, List<TopicPartition> partitions, int replica, long timestamp, CancellationToken cancellationToken)
    {
        var found = new Dictionary<TopicPartition, long>(partitions.Count);
        if (partitions.Count == 0)
        {
            return found;
        }
        var request = new ListOffsetsRequest { ReplicaId = replica };
        foreach (IGrouping<string, TopicPartition> topic in partitions.GroupBy(p => p.Topic))
        {
            var asked = new ListOffsetsRequest.ListOffsetsTopic { Name = topic.Key };
            asked.Partitions.AddRange(topic.Select(
                p => new ListOffsetsRequest.ListOffsetsPartition { PartitionIndex = p.Partition, Timestamp = timestamp }));
            request.Topics.Add(asked);
        }
        ListOffsetsResponse response = await CallAsync<ListOffsetsRequest, ListOffsetsResponse>(
            broker, request, RemoteSource.OffsetsVersion, cancellationToken).ConfigureAwait(false);
        foreach (ListOffsetsResponse.ListOffsetsTopicResponse topic in response.Topics)
        {
            foreach (ListOffsetsResponse.ListOffsetsPartitionResponse one in topic.Partitions.Where(p => p.ErrorCode == ErrorCode.None))
            {
                found[new TopicPartition(topic.Name, one.PartitionIndex)] = one.Offset;
            }
        }
        return found;
    }

    private static AdminException Silent(int broker, string why) =>
        new("BROKER_NOT_AVAILABLE", $"Broker {broker} does not answer: {why}");

    /// <summary>The line to a broker; one that has ended while nobody used it is replaced.</summary>
    private Task<PeerConnection> LineTo(int broker)
    {
        Task<PeerConnection> line = _lines.GetOrAdd(broker, OpenAsync);
        if (line.IsCompletedSuccessfully && line.Result.HasFailed)
        {
            Drop(broker, line);
            line = _lines.GetOrAdd(broker, OpenAsync);
        }
        return line;
    }

    private async Task<PeerConnection> OpenAsync(int broker)
    {
        await Task.Yield();   // not within the dictionary
        BrokerEndpoint endpoint = image().Brokers.GetValueOrDefault(broker)?.Endpoints[0]
            ?? throw new IOException($"broker {broker} is not in the cluster");
        using var late = new CancellationTokenSource(s_connectWithin, time);
        try
        {
            return await PeerConnection.ConnectAsync(
                new Dialer(time), endpoint, "console", s_connectWithin, late.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw new IOException($"{endpoint.Host}:{endpoint.Port} says nothing within {s_connectWithin.TotalSeconds:0} s");
        }
    }

    private void Drop(int broker, Task<PeerConnection> line)
    {
        if (_lines.TryRemove(KeyValuePair.Create(broker, line)))
        {
            _ = CloseAsync(line);
        }
    }

    private static async Task CloseAsync(Task<PeerConnection> line)
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
        foreach ((int broker, Task<PeerConnection> line) in _lines)
        {
            if (_lines.TryRemove(KeyValuePair.Create(broker, line)))
            {
                await CloseAsync(line).ConfigureAwait(false);
            }
        }
    }
}
