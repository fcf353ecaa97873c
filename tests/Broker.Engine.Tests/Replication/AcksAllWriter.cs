using System.Buffers.Binary;
using Broker.Client;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Replication;

/// <summary>A producer with acks=all that goes to whoever leads, sends again what was not acknowledged, and at the end looks
/// whether everything that was is there.</summary>
internal sealed class AcksAllWriter(TestCluster cluster, TestTopic topic)
{
    private readonly List<int> _acknowledged = [];
    private volatile bool _stopping;
    private volatile int _count;

    public int Acknowledged => _count;

    public void Stop() => _stopping = true;

    public async Task RunAsync()
    {
        KafkaConnection? leader = null;
        for (int value = 0; !_stopping;)
        {
            try
            {
                leader ??= await ConnectAsync();
                ProduceRequest request = Calls.ProduceRequest(topic, BatchOf(value), 9, acks: -1);
                request.TimeoutMs = 2_000;
                ProduceResponse answer = await leader.CallAsync<ProduceRequest, ProduceResponse>(request, 9);
                if (answer.Responses[0].PartitionResponses[0].ErrorCode == ErrorCode.None)
                {
                    _acknowledged.Add(value++);
                    _count++;
                    continue;
                }
            }
            catch (IOException)
            {
                // the leader is gone
            }
            if (leader is not null)
            {
                await leader.DisposeAsync();
                leader = null;
            }
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }

    private async Task<KafkaConnection> ConnectAsync()
    {
        BrokerServer any = cluster.Brokers.Select(b => b.Server).First(s => s is { IsServing: true })!;
        int id = any.Metadata.Current.Partition(topic.Name, 0)!.Leader;
        return id < 0 || cluster.Brokers[id].Server is not { IsServing: true } server
            ? throw new IOException("no leader")
            : await KafkaConnection.ConnectAsync(
                "127.0.0.1", server.Endpoints[0].Port, "writer", TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
    }

    private static byte[] BatchOf(int value)
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        builder.Begin(new RecordBatchOptions());
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        builder.Append(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), bytes, new byte[100]);
        return builder.Finish().ToArray();
    }

    public async Task UntilAcknowledgedAsync(int count)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (_count < count)
        {
            await Task.Delay(2, limit.Token);
        }
    }

    /// <summary>Reads the whole topic from its leader: what was acknowledged is there, in order.</summary>
    public async Task AssertNothingLostAsync()
    {
        await cluster.UntilInSyncAsync(topic, 3);
        await using KafkaConnection leader = await ConnectAsync();
        var seen = new HashSet<int>();
        int last = -1;
        long offset = 0;
        long end = (await leader.ListOffsetsAsync(topic, -1)).Offset;
        while (offset < end)
        {
            FetchResponse.PartitionData data = await leader.FetchOneAsync(topic, offset, maxWaitMs: 500, maxBytes: 8 << 20);
            Assert.Equal(ErrorCode.None, data.ErrorCode);
            var batches = new BatchCursor(data.Records.Memory.Span);
            while (batches.MoveNext())
            {
                using var records = new RecordCursor(batches.Batch, new RecordCodecs());
                while (records.MoveNext())
                {
                    int value = BinaryPrimitives.ReadInt32BigEndian(records.Current.Key.Span);
                    Assert.True(value >= last || seen.Contains(value), $"{value} came after {last}");
                    last = value;
                    seen.Add(value);
                }
                offset = batches.Batch.LastOffset + 1;
            }
        }
        int[] lost = [.. _acknowledged.Where(v => !seen.Contains(v))];
        Assert.True(lost.Length == 0, $"{lost.Length} of {_acknowledged.Count} acknowledged records are lost: {string.Join(',', lost.Take(10))}");
    }
}
