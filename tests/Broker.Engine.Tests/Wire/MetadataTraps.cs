using Broker.Client;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Wire;

/// <summary>Metadata, topic ids, and where the leader is.</summary>
public class MetadataTraps(SharedCluster shared) : IClassFixture<SharedCluster>
{
    private readonly TestCluster _cluster = shared.Cluster;

    private static MetadataRequest Ask(params string[] topics)
    {
        var request = new MetadataRequest();
        request.Topics!.AddRange(topics.Select(t => new MetadataRequest.MetadataRequestTopic { Name = t }));
        return request;
    }

    private static MetadataRequest AskById(Guid id, string? name = null)
    {
        var request = new MetadataRequest();
        request.Topics!.Add(new() { TopicId = id, Name = name });
        return request;
    }

    private async Task<MetadataResponse> MetadataAsync(MetadataRequest request, short version)
    {
        await using KafkaConnection client = await _cluster.ConnectAsync();
        return await client.CallAsync<MetadataRequest, MetadataResponse>(request, version);
    }

    [Fact]
    public async Task Trap12_EmptyTopicsInVersion0_MeanAll_AndLaterNone()
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        Assert.Contains((await MetadataAsync(Ask(), 0)).Topics, t => t.Name == topic.Name);
        for (short version = 1; version <= 13; version++)
        {
            MetadataResponse none = await MetadataAsync(Ask(), version);
            Assert.Empty(none.Topics);
            Assert.Equal(2, none.Brokers.Count);
            Assert.Contains((await MetadataAsync(new() { Topics = null }, version)).Topics, t => t.Name == topic.Name);
        }
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(3, true)]
    [InlineData(4, true)]
    [InlineData(4, false)]
    [InlineData(13, false)]
    [InlineData(13, true)]
    public async Task Trap13_UnknownTopic_IsMadeOnlyWhereTheClientAllows(short version, bool allowed)
    {
        string name = $"auto-{version}-{allowed}";
        MetadataRequest request = Ask(name);
        request.AllowAutoTopicCreation = allowed;
        MetadataResponse first = await MetadataAsync(request, version);
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, Assert.Single(first.Topics).ErrorCode);
        if (!allowed)
        {
            await _cluster.NewTopicAsync();   // whatever was begun before this would be there now
            Assert.Null(_cluster.Server().Metadata.Current.Topic(name));
            return;
        }
        MetadataResponse.MetadataResponseTopic made;
        do
        {
            made = Assert.Single((await MetadataAsync(request, version)).Topics);
        }
        while (made.ErrorCode is ErrorCode.UnknownTopicOrPartition or ErrorCode.LeaderNotAvailable);
        Assert.Equal(ErrorCode.None, made.ErrorCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("ä")]
    public async Task Trap13_InvalidName_IsInvalidTopicAndNotMade(string name)
    {
        Assert.Equal(ErrorCode.InvalidTopicException, Assert.Single((await MetadataAsync(Ask(name), 9)).Topics).ErrorCode);
        Assert.Null(_cluster.Server().Metadata.Current.Topic(name));
    }

    [Fact]
    public async Task Trap13_NameOf249Letters_IsTheLongest()
    {
        MetadataRequest request = Ask(new string('n', 250), new string('n', 249));
        request.AllowAutoTopicCreation = false;
        MetadataResponse answer = await MetadataAsync(request, 9);
        Assert.Equal([ErrorCode.InvalidTopicException, ErrorCode.UnknownTopicOrPartition], answer.Topics.Select(t => t.ErrorCode));
    }

    [Fact]
    public async Task Trap14_AuthorizedOperations_AreTheLeastIntegerUnlessAsked()
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        MetadataResponse plain = await MetadataAsync(Ask(topic.Name), 8);
        Assert.Equal(int.MinValue, plain.ClusterAuthorizedOperations);
        Assert.Equal(int.MinValue, plain.Topics[0].TopicAuthorizedOperations);
        MetadataRequest request = Ask(topic.Name);
        request.IncludeTopicAuthorizedOperations = true;
        Assert.True((await MetadataAsync(request, 13)).Topics[0].TopicAuthorizedOperations > 0);
        request.IncludeClusterAuthorizedOperations = true;
        Assert.True((await MetadataAsync(request, 10)).ClusterAuthorizedOperations > 0);
    }

    [Fact]
    public async Task Trap14_Controller_IsABrokerThatLives()
    {
        MetadataResponse answer = await MetadataAsync(Ask(), 13);
        Assert.Contains(answer.ControllerId, answer.Brokers.Select(b => b.NodeId));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(11)]
    public async Task Trap14_TopicIdBeforeVersion12_IsInvalidRequest(short version)
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        Assert.Equal(ErrorCode.InvalidRequest, Assert.Single((await MetadataAsync(AskById(topic.Id), version)).Topics).ErrorCode);
        Assert.Equal(ErrorCode.InvalidRequest, Assert.Single((await MetadataAsync(AskById(Guid.Empty), version)).Topics).ErrorCode);
        Assert.Equal(topic.Id, Assert.Single((await MetadataAsync(Ask(topic.Name), version)).Topics).TopicId);
    }

    [Fact]
    public async Task Trap15_TopicById_IsFound_AndAnUnknownIdSaysSo()
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        MetadataResponse.MetadataResponseTopic found = Assert.Single((await MetadataAsync(AskById(topic.Id), 12)).Topics);
        Assert.Equal((topic.Name, topic.Id, ErrorCode.None), (found.Name, found.TopicId, found.ErrorCode));
        MetadataResponse.MetadataResponseTopic unknown = Assert.Single((await MetadataAsync(AskById(Guid.NewGuid()), 12)).Topics);
        Assert.Equal(ErrorCode.UnknownTopicId, unknown.ErrorCode);
        Assert.Null(unknown.Name);
    }

    [Fact]
    public async Task Trap15_UnknownIdInProduceAndFetch_IsUnknownTopicId()
    {
        var nobody = new TestTopic("nobody", Guid.NewGuid());
        await using KafkaConnection client = await _cluster.ConnectAsync();
        Assert.Equal(ErrorCode.UnknownTopicId, (await client.ProduceAsync(nobody, Calls.Batch(), version: 13)).ErrorCode);
        Assert.Equal(ErrorCode.UnknownTopicId, (await client.FetchOneAsync(nobody, 0, version: 13)).ErrorCode);
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, (await client.ProduceAsync(nobody, Calls.Batch(), version: 12)).ErrorCode);
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, (await client.FetchOneAsync(nobody, 0, version: 12)).ErrorCode);
    }

    [Fact]
    public async Task Trap15_TopicMadeAnew_HasAnotherIdAndTheOldOneIsGone()
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        await using KafkaConnection client = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        await client.ProduceAsync(topic, Calls.Batch(), version: 13);
        var delete = new DeleteTopicsRequest { TimeoutMs = 20_000 };
        delete.TopicNames.Add(topic.Name);
        Assert.Equal(
            ErrorCode.None, (await client.CallAsync<DeleteTopicsRequest, DeleteTopicsResponse>(delete, 5)).Responses[0].ErrorCode);
        var create = new CreateTopicsRequest { TimeoutMs = 20_000 };
        create.Topics.Add(new() { Name = topic.Name, NumPartitions = 1, ReplicationFactor = 1 });
        CreateTopicsResponse made;
        do
        {
            made = await client.CallAsync<CreateTopicsRequest, CreateTopicsResponse>(create, 7);
        }
        while (made.Topics[0].ErrorCode == ErrorCode.TopicAlreadyExists);   // its replicas are still being deleted
        Assert.Equal(ErrorCode.None, made.Topics[0].ErrorCode);
        Assert.NotEqual(topic.Id, made.Topics[0].TopicId);
        Assert.Equal(ErrorCode.UnknownTopicId, (await client.ProduceAsync(topic, Calls.Batch(), version: 13)).ErrorCode);
    }

    [Fact]
    public async Task Trap15_SessionThatTurnsFromNamesToIds_IsATopicIdError()
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        await using KafkaConnection client = await _cluster.ConnectAsync(_cluster.LeaderOf(topic));
        FetchRequest begin = Calls.FetchRequest(topic, 0, version: 12);
        begin.SessionEpoch = 0;
        int session = (await client.FetchAsync(begin, 12)).SessionId;
        Assert.NotEqual(0, session);
        FetchResponse answer = await client.FetchAsync(new FetchRequest { SessionId = session, SessionEpoch = 1 }, 13);
        Assert.Equal(ErrorCode.FetchSessionTopicIdError, answer.ErrorCode);
        Assert.Empty(answer.Responses);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(13)]
    public async Task Trap19_ProduceToTheWrongBroker_NamesTheLeaderAndItsEndpoint(short version)
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        int leader = _cluster.LeaderOf(topic);
        await using KafkaConnection client = await _cluster.ConnectAsync(1 - leader);
        ProduceResponse answer = await client.CallAsync<ProduceRequest, ProduceResponse>(
            Calls.ProduceRequest(topic, Calls.Batch(), version), version);
        ProduceResponse.PartitionProduceResponse partition = answer.Responses[0].PartitionResponses[0];
        Assert.Equal(ErrorCode.NotLeaderOrFollower, partition.ErrorCode);
        Assert.Equal(leader, partition.CurrentLeader!.LeaderId);
        Assert.True(partition.CurrentLeader.LeaderEpoch >= 0);
        ProduceResponse.NodeEndpoint endpoint = Assert.Single(answer.NodeEndpoints);
        Assert.Equal((leader, "127.0.0.1", _cluster.Port(leader)), (endpoint.NodeId, endpoint.Host, endpoint.Port));
        Assert.Null((await client.ProduceAsync(topic, Calls.Batch(), version: 9)).CurrentLeader);
    }

    [Theory]
    [InlineData(12, false)]
    [InlineData(16, true)]
    [InlineData(18, true)]
    public async Task Trap19_FetchFromTheWrongBroker_NamesTheLeader(short version, bool endpoints)
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        int leader = _cluster.LeaderOf(topic);
        await using KafkaConnection client = await _cluster.ConnectAsync(1 - leader);
        FetchResponse answer = await client.FetchAsync(Calls.FetchRequest(topic, 0, version), version);
        FetchResponse.PartitionData partition = answer.Responses[0].Partitions[0];
        Assert.Equal(ErrorCode.NotLeaderOrFollower, partition.ErrorCode);
        Assert.Equal(leader, partition.CurrentLeader!.LeaderId);
        Assert.Equal(endpoints ? [leader] : [], answer.NodeEndpoints.Select(n => n.NodeId));
    }

    [Fact]
    public async Task Trap19_FencedLeaderEpochInFetch_NamesTheLeaderToo()
    {
        TestTopic topic = await _cluster.NewTopicAsync();
        int leader = _cluster.LeaderOf(topic);
        await _cluster.RestartLeaderAsync(topic);
        await using KafkaConnection client = await _cluster.ConnectAsync(leader);
        FetchRequest request = new FetchRequest { MaxWaitMs = 0, SessionEpoch = -1 }.Add(topic, 0, version: 16, leaderEpoch: 0);
        FetchResponse answer = await client.FetchAsync(request, 16);
        FetchResponse.PartitionData partition = answer.Responses[0].Partitions[0];
        Assert.Equal(ErrorCode.FencedLeaderEpoch, partition.ErrorCode);
        Assert.Equal(leader, partition.CurrentLeader!.LeaderId);
        Assert.True(partition.CurrentLeader.LeaderEpoch > 0);
        Assert.Equal(leader, Assert.Single(answer.NodeEndpoints).NodeId);
    }
}
