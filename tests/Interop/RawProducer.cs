using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Interop;

/// <summary>
/// A producer without retries: what fails is never sent again, so that whatever lies in the log twice is the broker's doing.
/// Each record's value is its number within its partition. Several requests of a partition are under way at once.
/// </summary>
internal sealed class RawProducer(HostProcess host, string topic, int partitions)
{
    private const int Window = 5;
    private readonly long[] _next = new long[partitions];
    private readonly ConcurrentDictionary<long, (int Partition, long Offset)>[] _acknowledged =
        [.. Enumerable.Range(0, partitions).Select(_ => new ConcurrentDictionary<long, (int, long)>())];

    public long Sent => _next.Sum();

    public long Acknowledged => _acknowledged.Sum(a => (long)a.Count);

    /// <summary>Sends until the host is gone.</summary>
    public async Task RunUntilKilledAsync()
    {
        await Task.WhenAll(Enumerable.Range(0, partitions).Select(RunAsync));
    }

    private async Task RunAsync(int partition)
    {
        try
        {
            await using KafkaConnection connection = await ConnectAsync(await ServingLeaderAsync(partition));
            var waiting = new Queue<Task>();
            while (true)
            {
                waiting.Enqueue(SendAsync(connection, partition));
                if (waiting.Count >= Window)
                {
                    await waiting.Dequeue();
                }
            }
        }
        catch (IOException)
        {
            // killed
        }
    }

    private async Task SendAsync(KafkaConnection connection, int partition)
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        builder.Begin(new RecordBatchOptions());
        long first = _next[partition];
        int count = 1 + (int)(first % 7);
        for (int i = 0; i < count; i++)
        {
            string value = (first + i).ToString(CultureInfo.InvariantCulture).PadRight(100, '.');
            builder.Append(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), (byte[]?)null, Encoding.ASCII.GetBytes(value));
        }
        _next[partition] += count;
        var request = new ProduceRequest { Acks = 1, TimeoutMs = 30_000 };
        var data = new ProduceRequest.TopicProduceData { Name = Encoding.UTF8.GetBytes(topic) };
        data.PartitionData.Add(new() { Index = partition, Records = new Broker.Protocol.Wire.Records(builder.Finish().ToArray()) });
        request.TopicData.Add(data);
        ProduceResponse response = await connection.SendAsync<ProduceRequest, ProduceResponse>(request, 9, CancellationToken.None);
        ProduceResponse.PartitionProduceResponse answer = response.Responses[0].PartitionResponses[0];
        Assert.Equal(ErrorCode.None, answer.ErrorCode);
        for (int i = 0; i < count; i++)
        {
            _acknowledged[partition][first + i] = (partition, answer.BaseOffset + i);
        }
    }

    private Task<KafkaConnection> ConnectAsync(int broker) => KafkaConnection.ConnectAsync(
        "127.0.0.1", host.Port + broker, "raw", TimeSpan.FromSeconds(10), CancellationToken.None);

    private async Task<int> ServingLeaderAsync(int partition) => (await Until.SeenAsync(
        $"{topic}-{partition} is led and served",
        async () =>
        {
            int leader = await NumberedLog.LeaderAsync(await ConnectAsync(0), topic, partition);
            return (Leader: leader, IsServed: leader >= 0 && await NumberedLog.IsServedAsync(await ConnectAsync(leader), topic, partition));
        },
        seen => seen.IsServed)).Leader;

    /// <summary>Reads everything and compares it with what was acknowledged.</summary>
    public async Task<(long Read, long Lost, long Duplicated, long OutOfOrder)> VerifyAsync()
    {
        long read = 0;
        long lost = 0;
        long duplicated = 0;
        long outOfOrder = 0;
        for (int partition = 0; partition < partitions; partition++)
        {
            List<(long Offset, long Value)> records = await NumberedLog.ReadAsync(
                await ConnectAsync(await ServingLeaderAsync(partition)), topic, partition);
            read += records.Count;
            duplicated += records.Count - records.DistinctBy(r => r.Value).Count();
            outOfOrder += records.Zip(records.Skip(1)).Count(pair => pair.Second.Value <= pair.First.Value || pair.Second.Offset != pair.First.Offset + 1);
            Dictionary<long, long> byOffset = records.ToDictionary(r => r.Offset, r => r.Value);
            lost += _acknowledged[partition].Count(a => byOffset.GetValueOrDefault(a.Value.Offset, -1) != a.Key);
        }
        return (read, lost, duplicated, outOfOrder);
    }
}
