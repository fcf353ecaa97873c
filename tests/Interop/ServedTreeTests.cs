namespace Interop;

/// <summary>The default host's own tree by ZooKeeper's protocol: what Kafka 2.8's tools do with --zookeeper.</summary>
public sealed class ServedTreeTests : IAsyncLifetime
{
    private readonly int _port = FreePorts.InARow(1);
    private HostProcess _host = null!;

    public async ValueTask InitializeAsync() => _host = await HostProcess.StartAsync(arguments: ["--zookeeper-port", $"{_port}"]);

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private string Keeper => $"127.0.0.1:{_port}";

    private static Task<string> ToolAsync(string tool, string[] arguments, string? input = null) =>
        KafkaTool.RunAsync("2.8", tool, arguments, input);

    [Fact]
    public async Task Topics_AreMadeGrownDescribedAndDeleted()
    {
        string[] to = ["--zookeeper", Keeper];
        Assert.Contains(
            "Created topic", await ToolAsync("topics", [.. to, "--create", "--topic", "old", "--partitions", "3", "--replication-factor", "1"]),
            StringComparison.Ordinal);
        Assert.Contains("old", await ToolAsync("topics", [.. to, "--list"]), StringComparison.Ordinal);
        (await Command.RunAsync(Command.Find("kcat"), ["-b", _host.Bootstrap, "-P", "-t", "old", "-X", "acks=all"], "hello\n")).Succeeded("kcat -P");
        Assert.Equal("hello\n", (await Command.RunAsync(
            Command.Find("kcat"), ["-b", _host.Bootstrap, "-C", "-t", "old", "-e", "-q"])).Succeeded("kcat -C"));
        await ToolAsync("topics", [.. to, "--alter", "--topic", "old", "--partitions", "5"]);
        Assert.Contains("PartitionCount: 5", await ToolAsync("topics", [.. to, "--describe", "--topic", "old"]), StringComparison.Ordinal);
        await ToolAsync("configs", [.. to, "--alter", "--entity-type", "topics", "--entity-name", "old", "--add-config", "retention.ms=77000"]);
        await KafkaTool.UntilAsync(
            said => said.Contains("retention.ms=77000", StringComparison.Ordinal), "2.8", "configs",
            ["--bootstrap-server", _host.Bootstrap, "--describe", "--entity-type", "topics", "--entity-name", "old"]);
        await ToolAsync("topics", [.. to, "--delete", "--topic", "old"]);
        await KafkaTool.UntilAsync(
            said => !said.Contains("old", StringComparison.Ordinal), "2.8", "topics", ["--bootstrap-server", _host.Bootstrap, "--list"]);
    }

    [Fact]
    public async Task Shell_ReadsAndWrites_AndWordsAreAnswered()
    {
        string said = await ToolAsync(
            "zookeeper-shell", ["-server", Keeper], "ls /brokers/ids\ncreate /mine hello\nget /mine\nset /mine bye\nget -s /mine\nstat /controller\ngetAcl /mine\nls -R /mine\ndelete /mine\nls /\n");
        Assert.Contains("[0, 1, 2]", said, StringComparison.Ordinal);
        Assert.Contains("hello", said, StringComparison.Ordinal);
        Assert.Contains("bye", said, StringComparison.Ordinal);
        Assert.Contains("dataVersion = 1", said, StringComparison.Ordinal);
        Assert.DoesNotContain("mine", said[said.LastIndexOf('[')..], StringComparison.Ordinal);
        Assert.Contains("'world,'anyone", said, StringComparison.Ordinal);
        await Until.EqualAsync("imok", "ruok is answered", () => ZooKeeperProcess.AskAsync(_port, "ruok"));
        await Until.SeenAsync(
            "mntr is answered", () => ZooKeeperProcess.AskAsync(_port, "mntr"),
            said => said.Contains("zk_server_state\tstandalone", StringComparison.Ordinal));
    }
}
