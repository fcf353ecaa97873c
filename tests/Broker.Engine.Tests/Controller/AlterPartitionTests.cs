using System.Collections.Immutable;
using Broker.Client;
using Broker.Engine.Controller;
using Broker.Engine.Coordination;
using Broker.Engine.Metadata;
using Broker.Engine.Tests.Replication;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Controller;

/// <summary>Which changes of in-sync replicas the controller takes, and what becomes of them.</summary>
public sealed class AlterPartitionTests
{
    private static readonly PartitionStateNode s_state = new(1, 5, [1, 2, 3], 7, 9);

    public static TheoryData<string, int, int, int, int[], ErrorCode> Requests => new()
    {
        { "shrinks", 1, 5, 9, [1, 2], ErrorCode.None },
        { "same again", 1, 5, 8, [1, 2, 3], ErrorCode.None },
        { "leader epoch of a later controller", 1, 6, 9, [1, 2], ErrorCode.NotController },
        { "partition epoch of a later controller", 1, 5, 10, [1, 2], ErrorCode.NotController },
        { "old leader epoch", 1, 4, 9, [1, 2], ErrorCode.FencedLeaderEpoch },
        { "not the leader", 2, 5, 9, [2], ErrorCode.FencedLeaderEpoch },
        { "old partition epoch", 1, 5, 8, [1, 2], ErrorCode.InvalidUpdateVersion },
        { "dead replica", 1, 5, 9, [1, 4], ErrorCode.IneligibleReplica },
        { "without the leader", 1, 5, 9, [2, 3], ErrorCode.InvalidRequest },
        { "no replica of it", 1, 5, 9, [1, 8], ErrorCode.InvalidRequest },
        { "twice the same", 1, 5, 9, [1, 2, 2], ErrorCode.InvalidRequest },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public void Check_Request_IsJudgedAsKafkaJudges(string what, int leader, int leaderEpoch, int partitionEpoch, int[] isr, ErrorCode expected)
    {
        Assert.NotEmpty(what);
        var asked = new AlterPartitionRequest.PartitionData { LeaderEpoch = leaderEpoch, PartitionEpoch = partitionEpoch };
        asked.NewIsrWithEpochs.AddRange(isr.Select(id => new AlterPartitionRequest.BrokerState { BrokerId = id, BrokerEpoch = 100 + id }));

        (ErrorCode error, PartitionStateNode? state) = AlterPartitionRules.Check(
            leader, [1, 2, 3, 4], s_state, asked, 3, id => id == 4 ? null : 100 + id);

        Assert.Equal(expected, error);
        if (state is not null)
        {
            Assert.Equal(isr, state.InSyncReplicas);
        }
    }

    [Fact]
    public void Check_ReplicaOfAnEarlierLife_IsIneligible()
    {
        var asked = new AlterPartitionRequest.PartitionData { LeaderEpoch = 5, PartitionEpoch = 9 };
        asked.NewIsrWithEpochs.Add(new() { BrokerId = 1, BrokerEpoch = 11 });
        asked.NewIsrWithEpochs.Add(new() { BrokerId = 2, BrokerEpoch = 12 });

        Assert.Equal(
            ErrorCode.IneligibleReplica, AlterPartitionRules.Check(1, [1, 2, 3], s_state, asked, 3, id => id == 2 ? 13 : 11).Error);
    }

    [Fact]
    public async Task AlterPartition_OfTheLeader_IsWrittenAndPublished()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 3);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 3);
        PartitionImage before = cluster.Server().Metadata.Current.Partition(topic.Name, 0)!;
        BrokerServer leader = cluster.Server(before.Leader);
        int[] isr = [before.Leader];
        AlterPartitionRequest request = Request(leader, topic, before, isr);

        AlterPartitionResponse response = await leader.ControllerLine.SendAsync<AlterPartitionRequest, AlterPartitionResponse>(
            request, TestContext.Current.CancellationToken);

        AlterPartitionResponse.PartitionData answer = response.Topics[0].Partitions[0];
        Assert.Equal(ErrorCode.None, answer.ErrorCode);
        Assert.Equal(isr, answer.Isr);
        Assert.Equal(before.PartitionEpoch + 1, answer.PartitionEpoch);
        foreach (HostedBroker broker in cluster.Brokers)
        {
            Assert.True(await broker.Server!.Waits.WaitAsync(
                image => image.Partition(topic.Name, 0) is { } p && p.InSyncReplicas.SequenceEqual(isr), 10_000, "in-sync replicas"));
        }
        Assert.Equal([0, 1, 2], before.Replicas.Order());
        Assert.Equal(before.Replicas, before.InSyncReplicas);
    }

    /// <summary>Kafka 2.8's broker would never ask for this partition again if it were refused by itself.</summary>
    [Theory]
    [InlineData(0, ErrorCode.OperationNotAttempted, ErrorCode.None)]
    [InlineData(1, ErrorCode.None, ErrorCode.OperationNotAttempted)]
    [InlineData(2, ErrorCode.None, ErrorCode.IneligibleReplica)]
    public async Task AlterPartition_WithADeadReplica_IsRefusedAsItsSenderUnderstands(short version, ErrorCode whole, ErrorCode one)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(brokers: 2);
        TestTopic topic = await cluster.NewReplicatedTopicAsync(1, replicas: 2);
        await cluster.Brokers[1].StopAsync();
        PartitionImage before = await ControllerWireTests.SeenAsync(
            cluster, image => image.Partition(topic.Name, 0) is { Leader: 0, InSyncReplicas.Length: 1 }, p => p, topic);
        await ReplicatedCluster.UntilAsync(() => cluster.Server(0).Membership.Controller is { IsActive: true });
        KafkaConnection client = await cluster.ConnectAsync(0);

        AlterPartitionResponse response = await client.CallAsync<AlterPartitionRequest, AlterPartitionResponse>(
            Request(cluster.Server(0), topic, before, [0, 1]), version);

        Assert.Equal(whole, response.ErrorCode);
        Assert.Equal(one, response.Topics.FirstOrDefault()?.Partitions[0].ErrorCode ?? ErrorCode.None);
    }

    private static AlterPartitionRequest Request(BrokerServer leader, TestTopic topic, PartitionImage before, int[] isr)
    {
        var request = new AlterPartitionRequest { BrokerId = leader.Id, BrokerEpoch = leader.Membership.BrokerEpoch };
        var data = new AlterPartitionRequest.TopicData { TopicId = topic.Id, TopicName = topic.Name };
        var partition = new AlterPartitionRequest.PartitionData { LeaderEpoch = before.LeaderEpoch, PartitionEpoch = before.PartitionEpoch };
        partition.NewIsr.AddRange(isr);
        data.Partitions.Add(partition);
        request.Topics.Add(data);
        return request;
    }
}
