using System.Text;
using Broker.Client;
using Broker.Engine.Admin;
using Broker.Engine.Tests.Wire;

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
