using Broker.Client;
using Broker.Engine.Replication;
using Broker.Engine.Storage;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Replication;

/// <summary>A broker that stops while clients produce to it: none of them is told of it by an error.</summary>
public sealed class HandoverTests
{
    private const int UnderWay = 4;

    public static TheoryData<bool, short> Ways => new((false, -1), (true, -1), (false, 1));

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Stop_WhileAProducerPipelines_AnswersEveryBatch_AndTheNewLeaderHasThemOnceInOrder(bool portable, short acks)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3, portable);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 3, ("min.insync.replicas", "2"));
        int first = cluster.LeaderOf(topic);
        Partition old = cluster.LeaderPartition(topic)!;
        using var producer = new Pipeline(await cluster.ConnectAsync(first), topic, acks);
        Task producing = producer.RunAsync();
        await producer.UntilAnsweredAsync(50);

        await cluster.Brokers[first].StopAsync();
        await producing;   // its connection is closed

        Assert.Empty(producer.Errors);
        Partition leader = cluster.LeaderPartition(topic)!;
        Assert.NotEqual(first, leader.Role.Leader);
        Assert.Equal(old.Role.LeaderEpoch, leader.Role.LeaderEpoch);
        long start = leader.Role.EpochStartOffset;
        Assert.True(leader.Log.LogEndOffset > start, $"nothing was sent on: the reign begins and ends at {start}");
        int[] numbers = NumbersIn(leader);
        Assert.Equal(Enumerable.Range(0, numbers.Length), numbers);
        Assert.InRange(numbers.Length, producer.Answered, producer.Answered + UnderWay);
        Assert.Equal(FollowerState.Unknown, leader.Role.Follower(first)!.LogEndOffset);   // nobody waits for one that has gone
    }

    [Fact]
    public async Task Stop_WhileAProducerWantsNoAcknowledgement_SendsItsBatchesOn()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 2);
        int first = cluster.LeaderOf(topic);
        KafkaConnection client = await cluster.ConnectAsync(first);
        using var writing = new CancellationTokenSource();
        Task producing = Task.Run(async () =>
        {
            for (int i = 0; !client.HasFailed; i++)
            {
                try
                {
                    // Never answered: the next goes out at once.
                    Task sent = client.SendAsync<ProduceRequest, ProduceResponse>(
                        Calls.ProduceRequest(topic, Pipeline.Numbered(i), 9, acks: 0), 9, writing.Token);
                    await Task.WhenAny(sent, Task.Delay(2, TestContext.Current.CancellationToken));
                    _ = sent.Exception;
                }
                catch (IOException)
                {
                    return;
                }
            }
        }, TestContext.Current.CancellationToken);
        await ReplicatedCluster.UntilAsync(() => cluster.LeaderPartition(topic)!.Log.LogEndOffset > 20);

        await cluster.Brokers[first].StopAsync();
        await producing;

        Partition leader = cluster.LeaderPartition(topic)!;
        Assert.True(leader.Log.LogEndOffset > leader.Role.EpochStartOffset);
        int[] numbers = NumbersIn(leader);
        Assert.Equal(Enumerable.Range(0, numbers.Length), numbers);
    }

    [Fact]
    public async Task Stop_BatchesThatAnotherBrokerHasSentOn_AreNotSentOnAgain()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 2);
        int first = cluster.LeaderOf(topic);
        await using KafkaConnection client = await KafkaConnection.ConnectAsync(
            "127.0.0.1", cluster.Port(first), "broker-7-handover", TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        using var producer = new Pipeline(client, topic, -1);
        Task producing = producer.RunAsync();
        await producer.UntilAnsweredAsync(20);

        await cluster.Brokers[first].StopAsync();
        await producing;

        Assert.All(producer.Errors, e => Assert.Equal(ErrorCode.NotLeaderOrFollower, e));
        Assert.NotEmpty(producer.Errors);
        Partition leader = cluster.LeaderPartition(topic)!;
        Assert.Equal(leader.Role.EpochStartOffset, leader.Log.LogEndOffset);
    }

    [Fact]
    public async Task Stop_WithAPartitionThatNobodyCanTakeOver_AppendsToItWhatWasHeld()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        TestTopic alone = await cluster.NewReplicatedTopicAsync(2, 1);
        TestTopic shared = await cluster.NewReplicatedTopicAsync(2, 2);
        int first = cluster.LeaderOf(alone);
        int moving = Enumerable.Range(0, 2).First(p => cluster.LeaderOf(shared, p) == first);
        using var stays = new Pipeline(await cluster.ConnectAsync(first), alone, -1);
        using var moves = new Pipeline(await cluster.ConnectAsync(first), shared, -1, moving);
        Task producing = Task.WhenAll(stays.RunAsync(), moves.RunAsync());
        await stays.UntilAnsweredAsync(20);
        await moves.UntilAnsweredAsync(20);

        await cluster.Brokers[first].StopAsync();
        await producing;

        Assert.Empty(stays.Errors);
        Assert.Empty(moves.Errors);
        await cluster.Brokers[first].StartAsync(TestContext.Current.CancellationToken);
        await cluster.UntilServedAsync(alone);
        Assert.InRange(NumbersIn(cluster.LeaderPartition(alone)!).Length, stays.Answered, stays.Answered + UnderWay);
    }

    [Fact]
    public async Task Stop_OfTheNewLeaderToo_LosesNothingAcknowledged()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, 3);
        int first = cluster.LeaderOf(topic);
        using var producer = new Pipeline(await cluster.ConnectAsync(first), topic, -1);
        Task producing = producer.RunAsync();
        await producer.UntilAnsweredAsync(20);
        int next = Array.Find(cluster.LeaderPartition(topic)!.Role.InSyncReplicas, r => r != first);

        await Task.WhenAll(cluster.Brokers[first].StopAsync(), cluster.Brokers[next].StopAsync());
        await producing;

        int[] numbers = NumbersIn(cluster.LeaderPartition(topic)!);
        Assert.All(producer.Acknowledged, n => Assert.Contains(n, numbers));
    }

    private static int[] NumbersIn(Partition partition)
    {
        byte[] bytes = partition.Log.Copy(0, 64 << 20, partition.Log.LogEndOffset)!;
        var numbers = new List<int>();
        var batches = new BatchCursor(bytes);
        while (batches.MoveNext())
        {
            using var records = new RecordCursor(batches.Batch, new RecordCodecs());
            while (records.MoveNext())
            {
                numbers.Add(BitConverter.ToInt32(records.Current.Value.Span));
            }
        }
        return [.. numbers];
    }

    /// <summary>Batches with a number each, several under way at a time, until the connection ends.</summary>
    private sealed class Pipeline(KafkaConnection client, TestTopic topic, short acks, int partition = 0) : IDisposable
    {
        private readonly SemaphoreSlim _free = new(UnderWay);
        private readonly List<int> _acknowledged = [];
        private readonly List<ErrorCode> _errors = [];

        public IReadOnlyList<ErrorCode> Errors => _errors;

        public IReadOnlyList<int> Acknowledged => _acknowledged;

        public int Answered
        {
            get
            {
                lock (_acknowledged)
                {
                    return _acknowledged.Count;
                }
            }
        }

        public static byte[] Numbered(int number)
        {
            using var builder = new RecordBatchBuilder(new RecordCodecs());
            builder.Begin(new RecordBatchOptions());
            builder.Append(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), "k"u8.ToArray(), BitConverter.GetBytes(number));
            return builder.Finish().ToArray();
        }

        public async Task RunAsync()
        {
            var sent = new List<Task>();
            for (int i = 0; !client.HasFailed; i++)
            {
                await _free.WaitAsync(TestContext.Current.CancellationToken);
                sent.Add(SendAsync(i));
            }
            await Task.WhenAll(sent);
        }

        private async Task SendAsync(int number)
        {
            try
            {
                ProduceResponse.PartitionProduceResponse answer =
                    await client.ProduceAsync(topic, Numbered(number), partition: partition, acks: acks);
                lock (_acknowledged)
                {
                    if (answer.ErrorCode == ErrorCode.None)
                    {
                        _acknowledged.Add(number);
                    }
                    else
                    {
                        _errors.Add(answer.ErrorCode);
                    }
                }
            }
            catch (IOException)
            {
                // closed while this one was on its way
            }
            _free.Release();
        }

        public Task UntilAnsweredAsync(int count) => ReplicatedCluster.UntilAsync(() => Answered >= count);

        public void Dispose() => _free.Dispose();
    }
}
