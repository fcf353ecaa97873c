namespace Interop;

/// <summary>franz-go, where its command line is at hand: the newest version of every request, topic ids, fetch sessions.</summary>
public class GoClientTests(SharedHost host) : IClassFixture<SharedHost>
{
    private async Task<CommandResult> RunAsync(string[] arguments, string? input = null) =>
        await Command.RunAsync(Repository.Peer("bin", "kgocli"), ["-b", host.Bootstrap, .. arguments], input);

    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("snappy")]
    [InlineData("lz4")]
    [InlineData("zstd")]
    public async Task Go_ProduceAndConsume_LinesComeBackInOrder(string codec)
    {
        string topic = SharedHost.NewTopic("go");
        string lines = string.Concat(Enumerable.Range(0, 2_000).Select(i => $"line {i} äöü {new string('x', i % 200)}\n"));
        (await RunAsync(["produce", topic, "-z", codec], lines)).Succeeded("kgocli produce");
        CommandResult read = await RunAsync(["consume", topic, "-n", "2000", "-from", "start", "-timeout", "60s", "-f", "%v\\n"]);
        Assert.Equal(lines, read.Succeeded("kgocli consume"));
    }

    [Theory]
    [InlineData("range")]
    [InlineData("sticky")]
    [InlineData("cooperative-sticky")]
    public async Task Go_Group_OfTwoMembersThatComeAndGo_GetsEveryRecord(string balancer)
    {
        string topic = SharedHost.NewTopic("go");
        (await RunAsync(["topic-create", topic, "-p", "4"])).Succeeded("topic-create");
        string[] consume = ["consume", topic, "-g", topic, "-balancer", balancer, "-from", "start", "-timeout", "60s", "-f", "%v\\n"];
        Task<CommandResult> stays = RunAsync([.. consume, "-n", "350"]);
        Task<CommandResult> leaves = RunAsync([.. consume, "-n", "50"]);
        for (int part = 0; part < 8; part++)
        {
            string lines = string.Concat(Enumerable.Range(part * 50, 50).Select(i => $"{i}\n"));
            (await RunAsync(["produce", topic, "-part", $"{part % 4}"], lines)).Succeeded("kgocli produce");
        }
        string[] seen = [.. new[] { await stays, await leaves }.SelectMany(r => r.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))];
        // A member that leaves may hand back what it had read beyond its count: at least once.
        Assert.Equal(400, seen.Distinct().Count());
    }
}
