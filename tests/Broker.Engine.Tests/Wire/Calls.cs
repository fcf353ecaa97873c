using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Wire;

/// <summary>The requests that tests make again and again, in one line each.</summary>
internal static class Calls
{
    public static Task<TResponse> CallAsync<TRequest, TResponse>(this KafkaConnection client, TRequest request, short version)
        where TRequest : IApiMessage
        where TResponse : IApiMessage, new() =>
        client.SendAsync<TRequest, TResponse>(request, version, TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

    /// <summary>A batch of records with values 0, 1, 2 ...; <paramref name="change"/> changes header options.</summary>
    public static byte[] Batch(int records = 1, Func<RecordBatchOptions, RecordBatchOptions>? change = null, int valueBytes = 1, long timestampMs = 0, bool keyed = true)
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        var options = new RecordBatchOptions();
        builder.Begin(change?.Invoke(options) ?? options);
        long now = timestampMs == 0 ? DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() : timestampMs;
        for (int i = 0; i < records; i++)
        {
            byte[] value = new byte[valueBytes];
            value[0] = (byte)i;
            builder.Append(now, keyed ? "k"u8.ToArray() : null, value);
        }
        return builder.Finish().ToArray();
    }

    /// <summary>A batch of an idempotent producer.</summary>
    public static byte[] Batch(long producerId, short epoch, int sequence, int records = 1) => Batch(records, o =>
    {
        o.ProducerId = producerId;
        o.ProducerEpoch = epoch;
        o.BaseSequence = sequence;
        return o;
    });

    /// <summary>Recomputes the checksum of a batch whose header a test has changed.</summary>
    public static byte[] Sealed(byte[] batch)
    {
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(
            batch.AsSpan(RecordBatchHeader.CrcAt), new RecordBatchView(batch).ComputeCrc());
        return batch;
    }

    public static ProduceRequest ProduceRequest(TestTopic topic, byte[]? records, short version, int partition = 0, short acks = -1)
    {
        var request = new ProduceRequest { Acks = acks, TimeoutMs = 10_000 };
        var data = new ProduceRequest.TopicProduceData { Name = topic.Utf8, TopicId = version >= 13 ? topic.Id : Guid.Empty };
        data.PartitionData.Add(new() { Index = partition, Records = records is null ? default : new Broker.Protocol.Wire.Records(records) });
        request.TopicData.Add(data);
        return request;
    }

    public static async Task<ProduceResponse.PartitionProduceResponse> ProduceAsync(
        this KafkaConnection client, TestTopic topic, byte[]? records, short version = 9, int partition = 0, short acks = -1)
    {
        ProduceResponse response = await client.CallAsync<ProduceRequest, ProduceResponse>(
            ProduceRequest(topic, records, version, partition, acks), version);
        return Assert.Single(Assert.Single(response.Responses).PartitionResponses);
    }

    public static FetchRequest FetchRequest(
        TestTopic topic, long offset, short version = 12, int maxWaitMs = 0, int minBytes = 1, int maxBytes = 1 << 20, int partition = 0)
    {
        var request = new FetchRequest { MaxWaitMs = maxWaitMs, MinBytes = minBytes, MaxBytes = maxBytes, SessionEpoch = -1 };
        return request.Add(topic, offset, version, partition, maxBytes);
    }

    public static FetchRequest Add(
        this FetchRequest request, TestTopic topic, long offset, short version = 12, int partition = 0, int maxBytes = 1 << 20,
        int leaderEpoch = -1)
    {
        var one = new FetchRequest.FetchTopic { Topic = topic.Utf8, TopicId = version >= 13 ? topic.Id : Guid.Empty };
        one.Partitions.Add(new()
        {
            Partition = partition,
            FetchOffset = offset,
            PartitionMaxBytes = maxBytes,
            CurrentLeaderEpoch = leaderEpoch,
        });
        request.Topics.Add(one);
        return request;
    }

    public static Task<FetchResponse> FetchAsync(this KafkaConnection client, FetchRequest request, short version = 12) =>
        client.CallAsync<FetchRequest, FetchResponse>(request, version);

    public static async Task<FetchResponse.PartitionData> FetchOneAsync(
        this KafkaConnection client, TestTopic topic, long offset, short version = 12, int maxWaitMs = 0, int minBytes = 1,
        int maxBytes = 1 << 20, int partition = 0)
    {
        FetchResponse response = await client.FetchAsync(
            FetchRequest(topic, offset, version, maxWaitMs, minBytes, maxBytes, partition), version);
        Assert.Equal(ErrorCode.None, response.ErrorCode);
        return Assert.Single(Assert.Single(response.Responses).Partitions);
    }

    public static async Task<ListOffsetsResponse.ListOffsetsPartitionResponse> ListOffsetsAsync(
        this KafkaConnection client, TestTopic topic, long timestamp, short version = 7, sbyte isolation = 0, int leaderEpoch = -1,
        int partition = 0)
    {
        var request = new ListOffsetsRequest { ReplicaId = -1, IsolationLevel = isolation };
        var one = new ListOffsetsRequest.ListOffsetsTopic { Name = topic.Name };
        one.Partitions.Add(new() { PartitionIndex = partition, Timestamp = timestamp, CurrentLeaderEpoch = leaderEpoch });
        request.Topics.Add(one);
        ListOffsetsResponse response = await client.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(request, version);
        return Assert.Single(Assert.Single(response.Topics).Partitions);
    }

    public static async Task<OffsetForLeaderEpochResponse.EpochEndOffset> EpochEndAsync(
        this KafkaConnection client, TestTopic topic, int epoch, int currentEpoch = -1)
    {
        var request = new OffsetForLeaderEpochRequest { ReplicaId = -1 };
        var one = new OffsetForLeaderEpochRequest.OffsetForLeaderTopic { Topic = topic.Name };
        one.Partitions.Add(new() { LeaderEpoch = epoch, CurrentLeaderEpoch = currentEpoch });
        request.Topics.Add(one);
        return (await client.CallAsync<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(request, 3)).Topics[0].Partitions[0];
    }

    public static async Task<(ErrorCode Error, long LowWatermark)> DeleteRecordsAsync(
        this KafkaConnection client, TestTopic topic, long offset)
    {
        var request = new DeleteRecordsRequest { TimeoutMs = 10_000 };
        var one = new DeleteRecordsRequest.DeleteRecordsTopic { Name = topic.Name };
        one.Partitions.Add(new() { Offset = offset });
        request.Topics.Add(one);
        DeleteRecordsResponse.DeleteRecordsPartitionResult result =
            (await client.CallAsync<DeleteRecordsRequest, DeleteRecordsResponse>(request, 2)).Topics[0].Partitions[0];
        return (result.ErrorCode, result.LowWatermark);
    }
}
