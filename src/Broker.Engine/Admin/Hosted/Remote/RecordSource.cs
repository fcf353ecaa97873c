using System.Text;
using Broker.Engine.Replication;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted.Remote;

/// <summary>Where a partition's records are read from: its leader, in this process or in another.</summary>
internal abstract class RecordSource
{
    public abstract int Index { get; }

    /// <summary>The first offset there is, and the high watermark.</summary>
    /// <exception cref="AdminException">The leader does not say.</exception>
    public abstract ValueTask<(long Start, long End)> BoundsAsync(CancellationToken cancellationToken);

    /// <summary>Batches from the one with an offset on, at most so many bytes, none that begins at or after an end; null for none.</summary>
    /// <exception cref="AdminException">The leader does not give them.</exception>
    public abstract ValueTask<byte[]?> CopyAsync(long offset, int bytes, long end, CancellationToken cancellationToken);

    /// <summary>The offset of the first record at or after a time, milliseconds since the epoch; null for none.</summary>
    /// <exception cref="AdminException">The leader does not say.</exception>
    public abstract ValueTask<long?> FindByTimestampAsync(long timestampMs, CancellationToken cancellationToken);
}

/// <summary>A replica that this process leads.</summary>
internal sealed class LocalSource(Partition partition) : RecordSource
{
    public override int Index => partition.Index;

    public override ValueTask<(long Start, long End)> BoundsAsync(CancellationToken cancellationToken) =>
        new((partition.Log.LogStartOffset, partition.HighWatermark));

    public override ValueTask<byte[]?> CopyAsync(long offset, int bytes, long end, CancellationToken cancellationToken) =>
        new(partition.Log.Copy(offset, bytes, end));

    public override ValueTask<long?> FindByTimestampAsync(long timestampMs, CancellationToken cancellationToken) =>
        new(partition.Log.FindByTimestamp(timestampMs)?.Offset);
}

/// <summary>A partition that a broker of another host leads, read as a consumer reads.</summary>
internal sealed class RemoteSource(RemoteBrokers brokers, int leader, string topic, int index) : RecordSource
{
    /// <summary>The last version of ListOffsets before the flexible ones.</summary>
    public const short OffsetsVersion = 5;

    public const long EndTimestamp = -1;
    public const long StartTimestamp = -2;

    /// <summary>The last version of Fetch that is neither flexible nor names topics by id.</summary>
    public const short FetchVersion = 11;

    public override int Index => index;

    public override async ValueTask<(long Start, long End)> BoundsAsync(CancellationToken cancellationToken)
    {
        // These it has in memory: whoever waits longer for them waits for nothing.
        Task<long> start = OffsetAsync(StartTimestamp, brokers.AskAsync<ListOffsetsRequest, ListOffsetsResponse>, cancellationToken);
        Task<long> end = OffsetAsync(EndTimestamp, brokers.AskAsync<ListOffsetsRequest, ListOffsetsResponse>, cancellationToken);
        long[] bounds = await Task.WhenAll(start, end).ConfigureAwait(false);
        return (bounds[0], bounds[1]);
    }

    public override async ValueTask<long?> FindByTimestampAsync(long timestampMs, CancellationToken cancellationToken) =>
        await OffsetAsync(
            timestampMs, (b, r, v, token) => brokers.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(b, r, v, token), cancellationToken)
            .ConfigureAwait(false) is >= 0 and var found ? found : null;

    private async Task<long> OffsetAsync(
        long timestamp, Func<int, ListOffsetsRequest, short, CancellationToken, Task<ListOffsetsResponse>> send, CancellationToken cancellationToken)
    {
        var request = new ListOffsetsRequest { ReplicaId = -1 };
        var asked = new ListOffsetsRequest.ListOffsetsTopic { Name = topic };
        asked.Partitions.Add(new() { PartitionIndex = index, Timestamp = timestamp });
        request.Topics.Add(asked);
        ListOffsetsResponse response = await send(leader, request, OffsetsVersion, cancellationToken).ConfigureAwait(false);
        ListOffsetsResponse.ListOffsetsPartitionResponse answer = response.Topics[0].Partitions[0];
        ThrowIf(answer.ErrorCode);
        return answer.Offset;
    }

    public override async ValueTask<byte[]?> CopyAsync(long offset, int bytes, long end, CancellationToken cancellationToken)
    {
        var request = new FetchRequest { MaxBytes = bytes };
        var asked = new FetchRequest.FetchTopic { Topic = Encoding.UTF8.GetBytes(topic) };
        asked.Partitions.Add(new() { Partition = index, FetchOffset = offset, PartitionMaxBytes = bytes });
        request.Topics.Add(asked);
        FetchResponse response = await brokers.CallAsync<FetchRequest, FetchResponse>(
            leader, request, FetchVersion, cancellationToken).ConfigureAwait(false);
        ThrowIf(response.ErrorCode);
        FetchResponse.PartitionData answer = response.Responses[0].Partitions[0];
        ThrowIf(answer.ErrorCode);
        return answer.Records.Length > 0 ? answer.Records.Memory.ToArray() : null;
    }

    private void ThrowIf(ErrorCode error)
    {
        if (error != ErrorCode.None)
        {
            throw new AdminException(error.Name(), $"Broker {leader} answers {error.Name()} for {topic}-{index}.");
        }
    }
}
