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
        if (codec != "none")   // one of them lets the broker make the topic, which costs this client five seconds
        {
            (await RunAsync(["topic-create", topic])).Succeeded("topic-create");
        }
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
        await using var stays = new GoConsumer(host.Bootstrap, topic, topic, balancer);
        await using var leaves = new GoConsumer(host.Bootstrap, topic, topic, balancer);
        await GoConsumer.UntilDealtAsync(host.Host, topic, balancer, 2, 2);
        for (int part = 0; part < 8; part++)
        {
            string lines = string.Concat(Enumerable.Range(part * 50, 50).Select(i => $"{i}\n"));
            (await RunAsync(["produce", topic, "-part", $"{part % 4}"], lines)).Succeeded("kgocli produce");
            if (part == 3)
            {
                await Until.HoldsAsync("the second member has read its share", () => leaves.Seen.Length == 100, () => $"{leaves.Seen.Length} records");
                await leaves.LeaveAsync();
            }
        }
        // What a member has read and not yet committed when the group is shared anew may come again: at least once.
        await Until.HoldsAsync(
            "both together have read every record", () => stays.Seen.Concat(leaves.Seen).Distinct().Count() == 400,
            () => $"{stays.Seen.Length} and {leaves.Seen.Length} records");
    }
}
