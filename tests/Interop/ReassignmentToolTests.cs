using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Broker.Client;
using Broker.Protocol.Messages;

namespace Interop;

/// <summary>kafka-reassign-partitions as operators use it: a plan, a throttle, a look at what is under way, a change of mind.</summary>
public sealed partial class ReassignmentToolTests(SharedHost host) : IClassFixture<SharedHost>
{
    private const int Records = 20_000;
    private const int RecordBytes = 1_000;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string[] To => ["--bootstrap-server", host.Bootstrap];

    [Theory]
    [InlineData("4.3")]
    [InlineData("3.9")]
    public async Task Replicas_PlannedThrottledListedCancelledAndGrown(string version)
    {
        string topic = SharedHost.NewTopic("moves");
        await KafkaTool.RunAsync(version, "topics", [.. To, "--create", "--topic", topic, "--replica-assignment", "0:1,1:2,2:0"]);
        string line = new('x', RecordBytes - 1);
        (await Command.RunAsync(
            Command.Find("kcat"), ["-b", host.Bootstrap, "-P", "-t", topic, "-p", "0", "-X", "acks=all"],
            string.Concat(Enumerable.Repeat(line + "\n", Records)))).Succeeded("kcat -P");

        await PlanAsync(version, topic);
        await CancelAsync(version, topic);
        await GrowAsync(version, topic);

        string read = (await Command.RunAsync(
            "kcat", ["-b", host.Bootstrap, "-C", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q"])).Succeeded("kcat -C");
        Assert.Equal(Records, read.Split('\n').Count(l => l == line));
    }

    /// <summary>A plan names every partition with as many replicas as before; brokers that are not there are refused.</summary>
    private async Task PlanAsync(string version, string topic)
    {
        using var topics = new ToolFile($$"""{"version":1,"topics":[{"topic":"{{topic}}"}]}""");
        string[] generate = ["--generate", "--topics-to-move-json-file", topics.Path, "--broker-list"];
        string said = await KafkaTool.RunAsync(version, "reassign-partitions", [.. To, .. generate, "0,1,2"]);
        string[] plans = [.. said.Split('\n').Where(l => l.StartsWith('{'))];
        Assert.Equal(2, plans.Length);
        Assert.Contains($"\"topic\":\"{topic}\",\"partition\":0,\"replicas\":[0,1]", plans[0], StringComparison.Ordinal);
        using var proposed = JsonDocument.Parse(plans[1]);
        Assert.Equal(
            [2, 2, 2], proposed.RootElement.GetProperty("partitions").EnumerateArray().Select(p => p.GetProperty("replicas").GetArrayLength()));
        Assert.NotEqual(0, (await KafkaTool.TryAsync(version, "reassign-partitions", [.. To, .. generate, "0,7"])).ExitCode);
    }

    private async Task CancelAsync(string version, string topic)
    {
        using ToolFile plan = ToolFile.Reassignment(topic, (0, "2,1"), (1, "2,1"));
        string[] execute = [.. To, "--execute", "--reassignment-json-file", plan.Path];
        string begun = await KafkaTool.RunAsync(version, "reassign-partitions", [.. execute, "--throttle", "200000"]);
        Assert.Contains("The inter-broker throttle limit was set to 200000 B/s", begun, StringComparison.Ordinal);
        Assert.Contains($"Successfully started partition reassignments for {topic}-0,{topic}-1", begun, StringComparison.Ordinal);
        await ValueIsAsync("200000", ConfigResourceType.Broker, "2", "follower.replication.throttled.rate");
        await ValueIsAsync("0:2", ConfigResourceType.Topic, topic, "follower.replication.throttled.replicas");
        await ValueIsAsync("0:0,0:1,1:1,1:2", ConfigResourceType.Topic, topic, "leader.replication.throttled.replicas");

        Assert.Contains(
            $"{topic}-0: replicas: 2,1,0. adding: 2. removing: 0.", await KafkaTool.RunAsync(version, "reassign-partitions", [.. To, "--list"]),
            StringComparison.Ordinal);
        CommandResult again = await KafkaTool.TryAsync(version, "reassign-partitions", execute);
        Assert.Contains("existing partition assignment", again.Output + again.Error, StringComparison.Ordinal);
        string[] verify = [.. To, "--verify", "--reassignment-json-file", plan.Path];
        string verified = await KafkaTool.UntilAsync(
            said => said.Contains($"Reassignment of partition {topic}-1 is completed.", StringComparison.Ordinal),
            version, "reassign-partitions", verify);
        Assert.Contains($"Reassignment of partition {topic}-0 is still in progress.", verified, StringComparison.Ordinal);

        string cancelled = await KafkaTool.RunAsync(
            version, "reassign-partitions", [.. To, "--cancel", "--reassignment-json-file", plan.Path]);
        Assert.Contains($"Successfully cancelled partition reassignment for: {topic}-0", cancelled, StringComparison.Ordinal);
        Assert.Contains(
            "No partition reassignments found.", await KafkaTool.RunAsync(version, "reassign-partitions", [.. To, "--list"]), StringComparison.Ordinal);
        // In the order of while it was under way, as Kafka leaves it.
        await Until.EqualAsync("1,0 2,1 2,0", "replicas", () => ReplicasAsync(topic));
        await NoThrottleAsync(topic);
    }

    private async Task GrowAsync(string version, string topic)
    {
        using ToolFile plan = ToolFile.Reassignment(topic, (0, "2,1,0"), (1, "1"), (2, "2,0"));
        string[] with = ["--reassignment-json-file", plan.Path];
        await KafkaTool.RunAsync(version, "reassign-partitions", [.. To, "--execute", .. with, "--throttle", "100000000"]);
        await KafkaTool.UntilAsync(
            said => said.Split("is completed", StringSplitOptions.None).Length == 4, version, "reassign-partitions", [.. To, "--verify", .. with]);
        await Until.EqualAsync("2,1,0 1 2,0", "replicas", () => ReplicasAsync(topic));
        await NoThrottleAsync(topic);
        string described = await KafkaTool.UntilAsync(
            said => Grown().IsMatch(said), version, "topics", [.. To, "--describe", "--topic", topic]);
        Assert.Contains("PartitionCount: 3\tReplicationFactor: 3", described, StringComparison.Ordinal);
    }

    [GeneratedRegex("Partition: 0\tLeader: [01]\tReplicas: 2,1,0\tIsr: [012],[012],[012]")]
    private static partial Regex Grown();

    private async Task NoThrottleAsync(string topic)
    {
        foreach (string side in (string[])["leader", "follower"])
        {
            await ValueIsAsync("", ConfigResourceType.Topic, topic, $"{side}.replication.throttled.replicas");
            await Until.SeenAsync(
                $"broker 2 has no {side} throttle", () => ValueAsync(ConfigResourceType.Broker, "2", $"{side}.replication.throttled.rate"),
                value => value is null || value == long.MaxValue.ToString(CultureInfo.InvariantCulture));
        }
    }

    private async Task<KafkaConnection> ConnectAsync(int broker)
    {
        int port = int.Parse(host.Bootstrap.Split(':')[1], CultureInfo.InvariantCulture);
        return await KafkaConnection.ConnectAsync("127.0.0.1", port + broker, "test", TimeSpan.FromSeconds(10), Token);
    }

    /// <summary>Waits until the broker that is asked has heard of it.</summary>
    private Task ValueIsAsync(string expected, ConfigResourceType type, string name, string key) => Until.EqualAsync(
        expected, $"{key} of {type} {name}", async () => await ValueAsync(type, name, key) ?? "");

    private async Task<string?> ValueAsync(ConfigResourceType type, string name, string key)
    {
        await using KafkaConnection connection = await ConnectAsync(type == ConfigResourceType.Broker ? 2 : 0);
        var request = new DescribeConfigsRequest();
        request.Resources.Add(new() { ResourceType = (sbyte)type, ResourceName = name, ConfigurationKeys = [key] });
        DescribeConfigsResponse response = await connection.SendAsync<DescribeConfigsRequest, DescribeConfigsResponse>(request, 4, Token);
        return response.Results[0].Configs.FirstOrDefault()?.Value;
    }

    private async Task<string> ReplicasAsync(string topic)
    {
        await using KafkaConnection connection = await ConnectAsync(0);
        var request = new MetadataRequest { AllowAutoTopicCreation = false, Topics = [] };
        request.Topics!.Add(new() { Name = topic });
        MetadataResponse response = await connection.SendAsync<MetadataRequest, MetadataResponse>(request, 9, Token);
        return string.Join(' ', response.Topics[0].Partitions.OrderBy(p => p.PartitionIndex).Select(p => string.Join(',', p.ReplicaNodes)));
    }

    private enum ConfigResourceType : sbyte
    {
        Topic = 2,
        Broker = 4,
    }
}
