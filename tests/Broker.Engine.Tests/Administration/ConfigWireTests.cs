using Broker.Client;
using Broker.Engine.Tests.Groups;
using Broker.Protocol.Messages;
using static Broker.Engine.Tests.Groups.GroupCluster;

namespace Broker.Engine.Tests.Administration;

/// <summary>Configuration and topics as administrators see them; what is expected was seen on Apache Kafka 4.3.1.</summary>
public sealed class ConfigWireTests : IAsyncLifetime
{
    private const sbyte Topic = 2;
    private const sbyte BrokerType = 4;
    private const sbyte Logger = 8;
    private const sbyte Set = 0;
    private const sbyte Delete = 1;
    private const sbyte Append = 2;
    private const sbyte Subtract = 3;

    private GroupCluster _cluster = null!;
    private KafkaConnection _broker = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await GroupCluster.StartAsync(1, ("log.retention.hours", "24"));
        await _cluster.CreateTopicAsync("orders", 1, ("retention.ms", "1000"));
        _broker = await _cluster.ConnectAsync();
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    private Task<(ErrorCode Error, string? Message)> AlterAsync(sbyte type, string name, string key, sbyte operation, string? value) =>
        AlterAsync(type, name, validateOnly: false, (key, operation, value));

    private async Task<(ErrorCode Error, string? Message)> AlterAsync(
        sbyte type, string name, bool validateOnly, params (string Key, sbyte Operation, string? Value)[] changes)
    {
        var request = new IncrementalAlterConfigsRequest { ValidateOnly = validateOnly };
        var resource = new IncrementalAlterConfigsRequest.AlterConfigsResource { ResourceType = type, ResourceName = name };
        foreach ((string key, sbyte operation, string? value) in changes)
        {
            resource.Configs.Add(new() { Name = key, ConfigOperation = operation, Value = value });
        }
        request.Resources.Add(resource);
        IncrementalAlterConfigsResponse response =
            await _broker.SendAsync<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(request, 1, Cancelled);
        return (response.Responses[0].ErrorCode, response.Responses[0].ErrorMessage);
    }

    private async Task<List<DescribeConfigsResponse.DescribeConfigsResourceResult>> DescribeAsync(sbyte type, string name, params string[] keys)
    {
        var request = new DescribeConfigsRequest { IncludeSynonyms = true };
        var resource = new DescribeConfigsRequest.DescribeConfigsResource { ResourceType = type, ResourceName = name };
        resource.ConfigurationKeys = keys is [] ? null : [];
        resource.ConfigurationKeys?.AddRange(keys);
        request.Resources.Add(resource);
        DescribeConfigsResponse response = await _broker.SendAsync<DescribeConfigsRequest, DescribeConfigsResponse>(request, 4, Cancelled);
        Assert.Equal(ErrorCode.None, response.Results[0].ErrorCode);
        return [.. response.Results[0].Configs];
    }

    /// <summary>Waits until a value has come round to the broker, and returns it.</summary>
    private async Task<DescribeConfigsResponse.DescribeConfigsResourceResult> SeeAsync(sbyte type, string name, string key, string? value)
    {
        while (true)
        {
            DescribeConfigsResponse.DescribeConfigsResourceResult one = Assert.Single(await DescribeAsync(type, name, key));
            if (one.Value == value)
            {
                return one;
            }
            await Task.Delay(5, Cancelled);
        }
    }

    private static (string, string?, sbyte)[] Synonyms(DescribeConfigsResponse.DescribeConfigsResourceResult one) =>
        [.. one.Synonyms.Select(s => (s.Name, s.Value, s.Source))];

    [Fact]
    public async Task Trap16_TopicsEveryKey_ComesWithItsSourceAndSynonyms()
    {
        List<DescribeConfigsResponse.DescribeConfigsResourceResult> all = await DescribeAsync(Topic, "orders");
        Assert.Equal(33, all.Count);   // as many as Kafka 4.3 shows
        Assert.Equal("delete", Assert.Single(all, c => c.Name == "cleanup.policy").Value);
        DescribeConfigsResponse.DescribeConfigsResourceResult retention = Assert.Single(all, c => c.Name == "retention.ms");
        Assert.Equal(("1000", (sbyte)1), (retention.Value, retention.ConfigSource));
        await AlterAsync(BrokerType, "", "log.retention.ms", Set, "2000");
        await AlterAsync(BrokerType, "0", "log.retention.ms", Set, "3000");
        await SeeAsync(BrokerType, "0", "log.retention.ms", "3000");
        Assert.Equal(
            [
                ("retention.ms", "1000", 1), ("log.retention.ms", "3000", 2), ("log.retention.ms", "2000", 3),
                ("log.retention.hours", "24", 4), ("log.retention.hours", "168", 5),
            ],
            Synonyms(Assert.Single(await DescribeAsync(Topic, "orders", "retention.ms"))));
    }

    [Fact]
    public async Task Trap16_BrokersKeys_SayWhatMayChange()
    {
        List<DescribeConfigsResponse.DescribeConfigsResourceResult> all = await DescribeAsync(BrokerType, "0");
        bool ReadOnly(string name) => Assert.Single(all, c => c.Name == name).ReadOnly;
        Assert.All(["broker.id", "log.retention.hours", "num.partitions", "num.network.threads", "listeners"], n => Assert.True(ReadOnly(n), n));
        Assert.All(
            ["log.retention.ms", "num.io.threads", "max.connections", "max.connections.per.ip", "max.connection.creation.rate", "message.max.bytes"],
            n => Assert.False(ReadOnly(n), n));
        Assert.All(all.Where(c => c.IsSensitive), c => Assert.Null(c.Value));
        DescribeConfigsResponse.DescribeConfigsResourceResult roll = Assert.Single(all, c => c.Name == "log.roll.ms");
        Assert.Equal((null, 0), (roll.Value, roll.Synonyms.Count));   // log.roll.hours gives the value, and is shown for itself
    }

    [Fact]
    public async Task Trap18_AppendAndSubtract_ChangeLists_AndDeleteRestoresTheDefault()
    {
        Assert.Equal(ErrorCode.None, (await AlterAsync(Topic, "orders", "cleanup.policy", Append, "compact")).Error);
        await SeeAsync(Topic, "orders", "cleanup.policy", "delete,compact");
        Assert.Equal(ErrorCode.None, (await AlterAsync(Topic, "orders", "cleanup.policy", Subtract, "delete")).Error);
        await SeeAsync(Topic, "orders", "cleanup.policy", "compact");
        Assert.Equal(ErrorCode.None, (await AlterAsync(Topic, "orders", "cleanup.policy", Delete, null)).Error);
        Assert.Equal(5, (await SeeAsync(Topic, "orders", "cleanup.policy", "delete")).ConfigSource);
        Assert.Equal(
            (ErrorCode.InvalidConfig, "Can't APPEND to key retention.ms because its type is not LIST."),
            await AlterAsync(Topic, "orders", "retention.ms", Append, "1"));
    }

    [Theory]
    [InlineData(Topic, "orders", "nope", "1", ErrorCode.InvalidConfig, "Unknown topic config name: nope")]
    [InlineData(Topic, "orders", "retention.ms", "x", ErrorCode.InvalidConfig, "Invalid value x for configuration retention.ms: Not a number of type LONG")]
    [InlineData(Topic, "orders", "retention.ms", null, ErrorCode.InvalidRequest, "Null value not supported for : retention.ms")]
    [InlineData(Topic, "orders", "min.cleanable.dirty.ratio", "2", ErrorCode.InvalidConfig, "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1")]
    [InlineData(Topic, "none", "retention.ms", "1", ErrorCode.UnknownTopicOrPartition, "The topic 'none' does not exist.")]
    [InlineData(Topic, "", "retention.ms", "1", ErrorCode.InvalidRequest, "Default topic resources are not allowed.")]
    [InlineData(BrokerType, "0", "broker.id", "3", ErrorCode.InvalidRequest, "Cannot update these configs dynamically: [broker.id]")]
    [InlineData(BrokerType, "0", "log.retention.ms", "x", ErrorCode.InvalidRequest, "Invalid value x for configuration log.retention.ms: Not a number of type LONG")]
    [InlineData(BrokerType, "7", "log.retention.ms", "1", ErrorCode.InvalidRequest, "Unexpected broker id, expected 0, but received 7")]
    [InlineData(BrokerType, "x", "log.retention.ms", "1", ErrorCode.InvalidRequest, "Node id must be an integer, but it is: x")]
    [InlineData(BrokerType, "0", "num.io.threads", "100", ErrorCode.InvalidRequest, "Dynamic thread count update validation failed for num.io.threads=100, value should not be greater than double the current value 8")]
    [InlineData(BrokerType, "", "max.connections.per.ip.overrides", "10.0.0.1", ErrorCode.InvalidRequest, "max.connections.per.ip.overrides: '10.0.0.1' is not address:count")]
    [InlineData(Logger, "0", "nobody", "DEBUG", ErrorCode.InvalidConfig, "Logger nobody does not exist!")]
    public async Task Alter_OfWhatCannotStand_IsRefusedInKafkasWords(
        sbyte type, string name, string key, string? value, ErrorCode error, string message) =>
        Assert.Equal((error, message), await AlterAsync(type, name, key, Set, value));

    [Fact]
    public async Task Alter_ValidateOnly_ChangesNothing()
    {
        Assert.Equal(ErrorCode.None, (await AlterAsync(BrokerType, "", validateOnly: true, ("max.connections", Set, "5"))).Error);
        Assert.Empty(await DescribeAsync(BrokerType, ""));
        Assert.Equal(
            (ErrorCode.InvalidRequest, "Error due to duplicate config keys"),
            await AlterAsync(Topic, "orders", validateOnly: true, ("retention.ms", Set, "1"), ("retention.ms", Set, "2")));
    }

    [Fact]
    public async Task ConnectionLimits_AndThreads_ChangeWhileTheBrokerRuns()
    {
        Assert.Equal(ErrorCode.None, (await AlterAsync(BrokerType, "", "num.io.threads", Set, "12")).Error);
        Assert.Equal(ErrorCode.None, (await AlterAsync(BrokerType, "0", "max.connections.per.ip", Set, "2")).Error);
        await SeeAsync(BrokerType, "0", "max.connections.per.ip", "2");
        while (_cluster.Cluster.Brokers[0].Server!.Workers.Load.Max != 12)
        {
            await Task.Delay(5, Cancelled);   // the change is taken over after it is read
        }
        KafkaConnection third = await _cluster.ConnectAsync();   // the helper's and this test's are the two
        await Assert.ThrowsAnyAsync<IOException>(() => third.SendAsync<ApiVersionsRequest, ApiVersionsResponse>(new(), 0, Cancelled));
        Assert.Equal(ErrorCode.None, (await AlterAsync(BrokerType, "0", "max.connections.per.ip", Delete, null)).Error);
        while (_cluster.Cluster.Brokers[0].Server!.Transport.Quotas.MaxOf(System.Net.IPAddress.Loopback) == 2)
        {
            await Task.Delay(5, Cancelled);
        }
        KafkaConnection again = await _cluster.ConnectAsync();
        Assert.NotEmpty((await again.SendAsync<ApiVersionsRequest, ApiVersionsResponse>(new(), 0, Cancelled)).ApiKeys);
    }

    [Fact]
    public async Task LogLevels_AreListedAndChanged()
    {
        Assert.Equal("INFO", Assert.Single(await DescribeAsync(Logger, "0", "root")).Value);
        Assert.Equal(ErrorCode.None, (await AlterAsync(Logger, "0", "root", Set, "DEBUG")).Error);
        DescribeConfigsResponse.DescribeConfigsResourceResult root = Assert.Single(await DescribeAsync(Logger, "0", "root"));
        Assert.Equal(("DEBUG", (sbyte)6), (root.Value, root.ConfigSource));
        Assert.Equal(
            (ErrorCode.InvalidRequest, "Removing the log level of the root logger is not allowed"), await AlterAsync(Logger, "0", "root", Delete, null));
    }

    [Fact]
    public async Task Trap17_CreateTopics_TakesDefaults_RefusesTopicByTopic_AndReturnsWhatItMade()
    {
        var request = new CreateTopicsRequest { TimeoutMs = 10_000 };
        CreateTopicsRequest.CreatableTopic Add(string name, int partitions = -1, short replicas = -1)
        {
            var topic = new CreateTopicsRequest.CreatableTopic { Name = name, NumPartitions = partitions, ReplicationFactor = replicas };
            request.Topics.Add(topic);
            return topic;
        }
        Add("a.b");
        Add("wrong").Configs.Add(new() { Name = "retention.ms", Value = "x" });
        Add("none", partitions: 0);
        Add("orders");
        Add("twice").Assignments.AddRange([Placed(0, 0), Placed(0, 0)]);
        Add("nobody").Assignments.Add(Placed(0, 9));
        CreateTopicsResponse made = await _broker.SendAsync<CreateTopicsRequest, CreateTopicsResponse>(request, 7, Cancelled);
        Assert.Equal(
            [
                (ErrorCode.None, null),
                (ErrorCode.InvalidConfig, "Invalid value x for configuration retention.ms: Not a number of type LONG"),
                (ErrorCode.InvalidPartitions, "Number of partitions was set to an invalid non-positive value."),
                (ErrorCode.TopicAlreadyExists, "Topic 'orders' already exists."),
                (ErrorCode.InvalidReplicaAssignment, "Found multiple manual partition assignments for partition 0"),
                (ErrorCode.InvalidReplicaAssignment, "The manual partition assignment includes broker 9, but no such broker is registered."),
            ],
            made.Topics.Select(t => (t.ErrorCode, t.ErrorMessage)));
        Assert.Equal((1, (short)1, 33), (made.Topics[0].NumPartitions, made.Topics[0].ReplicationFactor, made.Topics[0].Configs!.Count));
        Assert.NotEqual(Guid.Empty, made.Topics[0].TopicId);
        Assert.Equal(4, made.Topics[0].Configs!.Single(c => c.Name == "retention.ms").ConfigSource);   // log.retention.hours of the file
        var collides = new CreateTopicsRequest { TimeoutMs = 10_000, ValidateOnly = true };
        collides.Topics.Add(new() { Name = "a_b", NumPartitions = -1, ReplicationFactor = -1 });
        CreateTopicsResponse refused = await _broker.SendAsync<CreateTopicsRequest, CreateTopicsResponse>(collides, 7, Cancelled);
        Assert.Equal(
            (ErrorCode.InvalidTopicException, "Topic 'a_b' collides with existing topic: a.b"),
            (refused.Topics[0].ErrorCode, refused.Topics[0].ErrorMessage));
    }

    private static CreateTopicsRequest.CreatableReplicaAssignment Placed(int partition, params int[] brokers)
    {
        var assignment = new CreateTopicsRequest.CreatableReplicaAssignment { PartitionIndex = partition };
        assignment.BrokerIds.AddRange(brokers);
        return assignment;
    }
}
