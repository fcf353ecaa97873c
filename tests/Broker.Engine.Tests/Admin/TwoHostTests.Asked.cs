using System.Text;
using Broker.Client;
using Broker.Engine.Admin;
using Broker.Engine.Tests.Groups;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Tests.Admin;

/// <summary>What only the other host's broker knows and carries out: its configuration, its loggers, the groups that it coordinates.</summary>
public sealed partial class TwoHostTests
{
    private static readonly ConfigResource s_there = new(ConfigResourceKind.Broker, $"{There}");

    [Fact]
    public async Task Config_OfTheBrokerThere_IsAsItTellsIt_AndIsChangedThere()
    {
        IReadOnlyList<ConfigEntry> all = await _admin.DescribeConfigAsync(s_there, Token);
        ConfigEntry connect = Assert.Single(all, e => e.Name == "zookeeper.connect");
        Assert.Equal((_wire.Address, "STATIC_BROKER_CONFIG", "STRING", true), (connect.Value, connect.Source, connect.Type, connect.IsReadOnly));
        Assert.All(all, e => Assert.NotEqual("", e.Documentation));
        ConfigEntry[] here = [.. await _admin.DescribeConfigAsync(new ConfigResource(ConfigResourceKind.Broker, $"{Here}"), Token)];
        Assert.Equal(here.Select(e => (e.Name, e.Type, e.Default)), all.Select(e => (e.Name, e.Type, e.Default)));

        await AlterAsync(s_there, "log.cleaner.threads", "2");
        Assert.Equal(("2", "DYNAMIC_BROKER_CONFIG"), await ThereAsync("log.cleaner.threads"));
        Assert.Equal("2", _there.Server().Config.Current.Own("log.cleaner.threads"));
        await AlterAsync(s_there, "log.cleaner.threads", null);
        Assert.Equal("DEFAULT_CONFIG", (await ThereAsync("log.cleaner.threads")).Source);

        Assert.Equal("INVALID_REQUEST", (await Assert.ThrowsAsync<AdminException>(() => AlterAsync(s_there, "broker.id", "7"))).Error);
        await _admin.SetThrottleAsync(1_000_000, Token);
        await _admin.SetThrottleAsync(null, Token);
        foreach (string gone in (string[])["77", $"{There}"])
        {
            await _there.Brokers[0].StopAsync();
            await _here.Server().Waits.WaitAsync(i => i.Brokers.Count == 1, 20_000, "it is gone");
            var resource = new ConfigResource(ConfigResourceKind.Broker, gone);
            AdminException refused = await Assert.ThrowsAsync<AdminException>(() => _admin.DescribeConfigAsync(resource, Token));
            Assert.Equal(("BROKER_NOT_AVAILABLE", $"Broker {gone} is not there: no host of the cluster has registered it."), (refused.Error, refused.Message));
            await Assert.ThrowsAsync<AdminException>(() => AlterAsync(resource, "log.cleaner.threads", "2"));
        }
    }

    [Theory]
    [InlineData(Here)]
    [InlineData(There)]
    public async Task Loggers_OfABroker_AreToldAndSet_WhereverItIs(int broker)
    {
        var loggers = new ConfigResource(ConfigResourceKind.BrokerLogger, $"{broker}");
        ConfigEntry root = Assert.Single(await _admin.DescribeConfigAsync(loggers, Token), e => e.Name == "root");
        Assert.Equal(("INFO", "DYNAMIC_BROKER_LOGGER_CONFIG", 6), (root.Value, root.Source, root.AllowedValues!.Count));

        await AlterAsync(loggers, "root", "WARN");

        Assert.Equal("WARN", (await _admin.DescribeConfigAsync(loggers, Token)).Single(e => e.Name == "root").Value);
        AdminException refused = await Assert.ThrowsAsync<AdminException>(() => AlterAsync(loggers, "root", "LOUD"));
        Assert.Equal("INVALID_CONFIG", refused.Error);
    }

    [Fact]
    public async Task Group_CoordinatedThere_IsListedResetAndDeleted_AndTheChangeIsSeenAtOnce()
    {
        await _admin.CreateTopicAsync(new NewTopic("read", 2, 1), Token);
        await ProduceAsync("read", 2, 10);
        KafkaConnection client = await _there.ConnectAsync();
        string group = await GroupOfAsync(client, There);
        await CommitAsync(client, group, "read", 4);
        await ReadAsync(() => _admin.Group(group), g => g.Summary is { Lag: 12, UnknownLags: 0, Coordinator: There });
        GroupList page = _admin.Groups(new GroupQuery(group));
        Assert.Equal((group, 0), (Assert.Single(page.Items).GroupId, page.Unknown.Count));

        await _admin.ResetOffsetsAsync(group, new OffsetReset("read", To: OffsetTarget.Latest), Token);
        Assert.Equal(0, _admin.Group(group).Summary.Lag);
        await _admin.DeleteGroupAsync(group, Token);
        Assert.Empty(_admin.Groups(new GroupQuery(group)).Items);
        Assert.Equal("GROUP_ID_NOT_FOUND", Assert.Throws<AdminException>(() => _admin.Group(group)).Error);
        Assert.Equal("GROUP_ID_NOT_FOUND", (await Assert.ThrowsAsync<AdminException>(() => _admin.DeleteGroupAsync(group, Token))).Error);

        await _there.Brokers[0].StopAsync();
        await _here.Server().Waits.WaitAsync(i => i.Brokers.Count == 1, 20_000, "it is gone");
        Assert.Equal("COORDINATOR_NOT_AVAILABLE", Assert.Throws<AdminException>(() => _admin.Group(group)).Error);
        Assert.Contains("of __consumer_offsets have no leader that runs", Assert.Single(_admin.Groups(new GroupQuery()).Unknown), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Group_WithAMemberThere_ShowsTheEndsOfWhatItIsAssigned_BeforeItCommits()
    {
        await _admin.CreateTopicAsync(new NewTopic("read", 2, 1), Token);
        await ProduceAsync("read", 2, 10);
        KafkaConnection client = await _there.ConnectAsync();
        string group = await GroupOfAsync(client, There);
        await CommitAsync(client, group, "read", 0);   // its coordinator has loaded
        await _admin.DeleteGroupAsync(group, Token);
        JoinGroupResponse joined = await GroupCluster.JoinNewAsync(client, group);
        var writer = new KafkaWriter();
        writer.WriteInt16(0);
        var assignment = new ConsumerProtocolAssignment();
        var partitions = new ConsumerProtocolAssignment.TopicPartition { Topic = "read" };
        partitions.Partitions.AddRange([0, 1]);
        assignment.AssignedPartitions.Add(partitions);
        assignment.Write(writer, 0);
        var sync = new SyncGroupRequest { GroupId = group, GenerationId = joined.GenerationId, MemberId = joined.MemberId };
        sync.Assignments.Add(new() { MemberId = joined.MemberId, Assignment = writer.WrittenSpan.ToArray() });
        Assert.Equal(ErrorCode.None, (await client.CallAsync<SyncGroupRequest, SyncGroupResponse>(sync, 3)).ErrorCode);

        GroupDetail detail = await ReadAsync(
            () => _admin.Group(group), g => g.Partitions.Count == 2 && g.Partitions.All(p => p.LogEndOffset == 10));

        Assert.All(detail.Partitions, p => Assert.Equal((joined.MemberId, -1L, null), (p.MemberId, p.CommittedOffset, p.Lag)));
        Assert.Equal(2, Assert.Single(detail.Members).Assignment.Count);
        Assert.Equal("NON_EMPTY_GROUP", (await Assert.ThrowsAsync<AdminException>(() => _admin.DeleteGroupAsync(group, Token))).Error);
    }

    [Fact]
    public async Task Tail_OfATopicLedByBoth_HearsWhatIsProducedAtEither()
    {
        await _admin.CreateTopicAsync(new NewTopic("tail", 2, 1), Token);
        await ProduceAsync("tail", 2, 3);   // before: not to be heard
        var heard = new List<MessageView>();
        await using IAsyncEnumerator<TailBatch> tail = _admin.TailAsync(new TailQuery("tail"), Token).GetAsyncEnumerator(Token);
        while (heard.Select(m => m.Partition).Distinct().Count() < 2)
        {
            await ProduceAsync("tail", 2, 1);
            Assert.True(await tail.MoveNextAsync());
            heard.AddRange(tail.Current.Messages);
        }
        Assert.All(heard, m => Assert.True(m.Offset >= 3));
    }

    private Task AlterAsync(ConfigResource resource, string key, string? value) =>
        _admin.AlterConfigAsync(resource, new Dictionary<string, string?> { [key] = value }, validateOnly: false, Token);

    private async Task<(string? Value, string Source)> ThereAsync(string key)
    {
        ConfigEntry entry = (await _admin.DescribeConfigAsync(s_there, Token)).Single(e => e.Name == key);
        return (entry.Value, entry.Source);
    }

    private async Task<string> ScrapeAsync()
    {
        using var text = new MemoryStream();
        await ClusterDoor.OpenMetrics(_here.Hosted, _admin).WritePrometheusAsync(text, Token);
        return Encoding.UTF8.GetString(text.ToArray());
    }

    private static int LagLines(string metrics, string group) => metrics.Split('\n').Count(
        l => l.StartsWith($"kafka_consumergroup_lag{{consumergroup=\"{group}\"", StringComparison.Ordinal) && l.EndsWith(" 6", StringComparison.Ordinal));
}
