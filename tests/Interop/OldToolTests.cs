namespace Interop;

/// <summary>Kafka 2.8's tools with --zookeeper, on the host's own tree and on a real ZooKeeper: they write to the tree what they want,
/// and the controller does it.</summary>
public sealed class OldToolTests
{
    private const string Version = "2.8";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tools_WritingToTheTree_AreObeyed(bool onServedTree)
    {
        JavaToolTests.Tools();
        await using ZooKeeperProcess? zooKeeper = onServedTree ? null : await ZooKeeperProcess.StartAsync();
        string connect = zooKeeper is null ? $"127.0.0.1:{FreePorts.InARow(1)}" : $"{zooKeeper.Address}/old";
        await using HostProcess host = await HostProcess.StartAsync(arguments:
            onServedTree ? ["--zookeeper-port", connect.Split(':')[1]] : ["--override", $"zookeeper.connect={connect}"]);
        string[] to = ["--zookeeper", connect];

        await KafkaTool.RunAsync(Version, "topics", [.. to, "--create", "--topic", "old", "--replica-assignment", "0:1,1:2,2:0"]);
        Assert.Equal("old", (await KafkaTool.RunAsync(Version, "topics", [.. to, "--list"])).Trim());
        await KafkaTool.UntilAsync(
            said => said.Contains("Partition: 2\tLeader: 2\tReplicas: 2,0\tIsr: 2,0", StringComparison.Ordinal),
            Version, "topics", [.. to, "--describe", "--topic", "old"]);
        (await Command.RunAsync(Command.Find("kcat"), ["-b", host.Bootstrap, "-P", "-t", "old", "-X", "acks=all"], "hello\n")).Succeeded("kcat -P");
        await MoveAsync(to);
        await ElectAsync(to);
        await ConfigureAsync(to);

        await KafkaTool.RunAsync(
            Version, "topics", [.. to, "--alter", "--topic", "old", "--partitions", "4", "--replica-assignment", "0:2,0:2,0:2,0:2"]);
        await KafkaTool.UntilAsync(
            said => said.Contains("Partition: 3\tLeader: 0\tReplicas: 0,2\tIsr: 0,2", StringComparison.Ordinal),
            Version, "topics", [.. to, "--describe", "--topic", "old"]);
        Assert.Equal("hello\n", (await Command.RunAsync("kcat", ["-b", host.Bootstrap, "-C", "-t", "old", "-e", "-q"])).Succeeded("kcat -C"));
        await KafkaTool.RunAsync(Version, "topics", [.. to, "--delete", "--topic", "old"]);
        await KafkaTool.UntilAsync(said => said.Trim().Length == 0, Version, "topics", [.. to, "--list"]);
    }

    private static async Task MoveAsync(string[] to)
    {
        using ToolFile plan = ToolFile.Reassignment("old", (0, "2,1"), (1, "2,1,0"), (2, "1"));
        string[] with = ["--reassignment-json-file", plan.Path];
        string begun = await KafkaTool.RunAsync(Version, "reassign-partitions", [.. to, "--execute", .. with, "--throttle", "1000000"]);
        Assert.Contains("Successfully started partition reassignments for old-0,old-1,old-2", begun, StringComparison.Ordinal);
        await KafkaTool.UntilAsync(
            said => said.Split("is complete", StringSplitOptions.None).Length == 4, Version, "reassign-partitions", [.. to, "--verify", .. with]);
        string described = await KafkaTool.RunAsync(Version, "topics", [.. to, "--describe", "--topic", "old"]);
        foreach (string replicas in (string[])["Replicas: 2,1\t", "Replicas: 2,1,0\t", "Replicas: 1\t"])
        {
            Assert.Contains(replicas, described, StringComparison.Ordinal);
        }
        Assert.DoesNotContain("throttled", described, StringComparison.Ordinal);
    }

    private static async Task ElectAsync(string[] to)
    {
        string begun = await KafkaTool.RunAsync(Version, "preferred-replica-election", to);
        Assert.Contains("Created preferred replica election path with old-0,old-1,old-2", begun, StringComparison.Ordinal);
        await KafkaTool.UntilAsync(
            said => said.Contains("Partition: 0\tLeader: 2", StringComparison.Ordinal)
                && said.Contains("Partition: 1\tLeader: 2", StringComparison.Ordinal),
            Version, "topics", [.. to, "--describe", "--topic", "old"]);
    }

    private static async Task ConfigureAsync(string[] to)
    {
        string[] entity = [.. to, "--entity-type", "topics", "--entity-name", "old"];
        await KafkaTool.RunAsync(Version, "configs", [.. entity, "--alter", "--add-config", "retention.ms=99999,segment.bytes=1048576"]);
        await KafkaTool.RunAsync(Version, "configs", [.. entity, "--alter", "--delete-config", "segment.bytes"]);
        string described = await KafkaTool.RunAsync(Version, "configs", [.. entity, "--describe"]);
        Assert.Contains("retention.ms=99999", described, StringComparison.Ordinal);
        Assert.DoesNotContain("segment.bytes", described, StringComparison.Ordinal);
        await KafkaTool.RunAsync(
            Version, "configs", [.. to, "--entity-type", "clients", "--entity-name", "me", "--alter", "--add-config", "producer_byte_rate=1000"]);
    }
}
