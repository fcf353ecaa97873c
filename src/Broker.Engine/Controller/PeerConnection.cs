using Broker.Client;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;

namespace Broker.Engine.Controller;

/// <summary>A connection to another broker, which may be one of Kafka's of an older version: each request goes out in the
/// highest version that both know. Thread-safe.</summary>
internal sealed class PeerConnection : IAsyncDisposable
{
    private readonly KafkaConnection _connection;
    private readonly Dictionary<short, (short Lowest, short Highest)> _versions;

    private PeerConnection(KafkaConnection connection, Dictionary<short, (short, short)> versions)
    {
        _connection = connection;
        _versions = versions;
    }

    /// <exception cref="IOException">Nobody answers there, or not in time.</exception>
    public static async Task<PeerConnection> ConnectAsync(
        Dialer dialer, BrokerEndpoint endpoint, string clientId, TimeSpan timeout, CancellationToken cancellationToken)
    {
        KafkaConnection connection = await KafkaConnection.ConnectAsync(
            dialer, endpoint.Host, endpoint.Port, clientId, timeout, cancellationToken).ConfigureAwait(false);
        try
        {
            ApiVersionsResponse answer = await connection.SendAsync<ApiVersionsRequest, ApiVersionsResponse>(
                new ApiVersionsRequest(), 0, cancellationToken).ConfigureAwait(false);
            return new PeerConnection(
                connection, answer.ApiKeys.DistinctBy(a => a.ApiKey).ToDictionary(a => a.ApiKey, a => (a.MinVersion, a.MaxVersion)));
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Whether the connection has ended.</summary>
    public bool HasFailed => _connection.HasFailed;

    /// <summary>The version that requests of an API go out in.</summary>
    /// <param name="atMost">The highest that the request is filled in for.</param>
    /// <exception cref="IOException">There is none that both know.</exception>
    public short VersionOf<TRequest>(short atMost = short.MaxValue)
        where TRequest : IApiMessage
    {
        short highest = Math.Min(TRequest.HighestVersion, atMost);
        // Brokers of ours do not list what only brokers say to each other: they speak what this one speaks.
        if (!_versions.TryGetValue((short)TRequest.Api, out (short Lowest, short Highest) known))
        {
            return highest;
        }
        short version = Math.Min(highest, known.Highest);
        return version >= Math.Max(TRequest.LowestVersion, known.Lowest)
            ? version : throw new IOException($"the other broker knows {TRequest.Api} in versions {known.Lowest} to {known.Highest}");
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <param name="request">What to ask.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <param name="atMost">The highest version that the request is filled in for.</param>
    /// <exception cref="IOException">The connection failed, before or after the broker got the request.</exception>
    public Task<TResponse> SendAsync<TRequest, TResponse>(
        TRequest request, CancellationToken cancellationToken, short atMost = short.MaxValue)
        where TRequest : IApiMessage
        where TResponse : IApiMessage, new()
    {
        short version = VersionOf<TRequest>(atMost);
        if (request is AlterPartitionRequest alter)
        {
            Fit(alter, version);
        }
        return _connection.SendAsync<TRequest, TResponse>(request, version, cancellationToken);
    }

    /// <summary>In-sync replicas stand in another field from version 3 on.</summary>
    private static void Fit(AlterPartitionRequest request, short version)
    {
        foreach (AlterPartitionRequest.PartitionData partition in request.Topics.SelectMany(t => t.Partitions))
        {
            if (version < 3 && partition.NewIsrWithEpochs.Count > 0)
            {
                partition.NewIsr.AddRange(partition.NewIsrWithEpochs.Select(b => b.BrokerId));
                partition.NewIsrWithEpochs.Clear();
            }
            else if (version >= 3 && partition.NewIsr.Count > 0)
            {
                partition.NewIsrWithEpochs.AddRange(
                    partition.NewIsr.Select(id => new AlterPartitionRequest.BrokerState { BrokerId = id }));
                partition.NewIsr.Clear();
            }
        }
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();
}
