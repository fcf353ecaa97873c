using Broker.Engine.Configuration;

namespace Broker.Engine.Replication.Fetching;

/// <summary>What fetchers go by.</summary>
internal sealed record FetcherOptions
{
    public required int BrokerId { get; init; }

    /// <summary>replica.fetch.wait.max.ms.</summary>
    public int WaitMaxMs { get; init; } = 500;

    /// <summary>replica.fetch.min.bytes.</summary>
    public int BytesMin { get; init; } = 1;

    /// <summary>replica.fetch.max.bytes: of one partition.</summary>
    public int PartitionBytesMax { get; init; } = 1024 * 1024;

    /// <summary>replica.fetch.response.max.bytes.</summary>
    public int ResponseBytesMax { get; init; } = 10 * 1024 * 1024;

    /// <summary>replica.fetch.backoff.ms.</summary>
    public int BackoffMs { get; init; } = 1_000;

    /// <summary>replica.socket.timeout.ms.</summary>
    public int SocketTimeoutMs { get; init; } = 30_000;

    /// <summary>replica.socket.receive.buffer.bytes; -1 for the system's.</summary>
    public int ReceiveBufferBytes { get; init; } = 64 * 1024;

    public static FetcherOptions From(BrokerConfig config) => new()
    {
        BrokerId = config.BrokerId,
        WaitMaxMs = config.Int("replica.fetch.wait.max.ms"),
        BytesMin = config.Int("replica.fetch.min.bytes"),
        PartitionBytesMax = config.Int("replica.fetch.max.bytes"),
        ResponseBytesMax = config.Int("replica.fetch.response.max.bytes"),
        BackoffMs = config.Int("replica.fetch.backoff.ms"),
        SocketTimeoutMs = config.Int("replica.socket.timeout.ms"),
        ReceiveBufferBytes = config.Int("replica.socket.receive.buffer.bytes"),
    };
}
