using System.Globalization;
using System.Text;
using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Interop;

/// <summary>A partition cannot be read now.</summary>
internal sealed class NumberedLogException(string message) : Exception(message);

/// <summary>Reads partitions whose values are numbers, to hold them against what was acknowledged. Closes the connections it is given.</summary>
internal static class NumberedLog
{
    /// <summary>Which broker leads a partition; -1 for none, as far as the broker that is asked has heard.</summary>
    public static async Task<int> LeaderAsync(KafkaConnection any, string topic, int partition)
    {
        await using KafkaConnection connection = any;
        var request = new MetadataRequest { AllowAutoTopicCreation = false, Topics = [] };
        request.Topics!.Add(new() { Name = topic });
        MetadataResponse response = await connection.SendAsync<MetadataRequest, MetadataResponse>(request, 9, CancellationToken.None);
        return response.Topics[0].Partitions.Where(p => p.PartitionIndex == partition).Select(p => p.LeaderId).FirstOrDefault(-1);
    }

    /// <summary>Reads a partition up to its high watermark.</summary>
    public static async Task<List<(long Offset, long Value)>> ReadAsync(KafkaConnection leader, string topic, int partition)
    {
        await using KafkaConnection connection = leader;
        var found = new List<(long, long)>();
        long next = 0;
        while (true)
        {
            FetchResponse.PartitionData data = await FetchAsync(connection, topic, partition, next, 8 << 20);
            if (data.ErrorCode != ErrorCode.None)
            {
                throw new NumberedLogException($"{topic}-{partition} answers {data.ErrorCode}");
            }
            long before = next;
            next = Decode(data.Records.Memory.Span, next, found);
            if (next == before)
            {
                Assert.Equal(data.HighWatermark, next);
                return found;
            }
        }
    }

    /// <summary>Whether the broker serves the partition as its leader.</summary>
    public static async Task<bool> IsServedAsync(KafkaConnection leader, string topic, int partition)
    {
        await using KafkaConnection connection = leader;
        return (await FetchAsync(connection, topic, partition, offset: 0, maxBytes: 1)).ErrorCode == ErrorCode.None;
    }

    private static async Task<FetchResponse.PartitionData> FetchAsync(
        KafkaConnection connection, string topic, int partition, long offset, int maxBytes)
    {
        var request = new FetchRequest { MaxWaitMs = 0, MinBytes = 1, MaxBytes = maxBytes, SessionEpoch = -1 };
        var asked = new FetchRequest.FetchTopic { Topic = Encoding.UTF8.GetBytes(topic) };
        asked.Partitions.Add(new() { Partition = partition, FetchOffset = offset, PartitionMaxBytes = maxBytes, CurrentLeaderEpoch = -1 });
        request.Topics.Add(asked);
        FetchResponse response = await connection.SendAsync<FetchRequest, FetchResponse>(request, 11, CancellationToken.None);
        return response.Responses[0].Partitions[0];
    }

    private static long Decode(ReadOnlySpan<byte> bytes, long next, List<(long, long)> found)
    {
        var codecs = new RecordCodecs();
        var batches = new BatchCursor(bytes);
        while (batches.MoveNext())
        {
            Assert.True(batches.Batch.IsCrcValid());
            using var records = new RecordCursor(batches.Batch, codecs);
            while (records.MoveNext())
            {
                if (records.Current.Offset >= next)
                {
                    string value = Encoding.ASCII.GetString(records.Current.Value.Span).TrimEnd('.');
                    found.Add((records.Current.Offset, long.Parse(value, CultureInfo.InvariantCulture)));
                }
            }
            next = batches.Batch.LastOffset + 1;
        }
        return next;
    }
}
