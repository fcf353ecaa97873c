namespace Interop;

/// <summary>Consumers of franz-go share four partitions by each of the strategies that clients bring, and share them anew when
/// one of them is gone.</summary>
public sealed class GroupStrategyTests(SharedHost host) : IClassFixture<SharedHost>
{
    private static readonly string[] s_strategies = ["range", "roundrobin", "sticky", "cooperative-sticky"];

    [Fact]
    public async Task Partitions_AreSharedByEveryStrategy_AndSharedAnewWhenAMemberLeaves() =>
        await Task.WhenAll(s_strategies.Select(ShareAsync));

    private async Task ShareAsync(string strategy)
    {
        string go = Repository.Peer("bin", "kgocli");
        string topic = SharedHost.NewTopic(strategy);
        (await Command.RunAsync(go, ["-b", host.Bootstrap, "topic-create", topic, "-p", "4", "-r", "1"])).Succeeded("topic-create");
        await using var one = new GoConsumer(host.Bootstrap, topic, topic, strategy);
        await using var two = new GoConsumer(host.Bootstrap, topic, topic, strategy);
        await GoConsumer.UntilDealtAsync(host.Host, topic, strategy, 2, 2);
        await two.LeaveAsync();
        await GoConsumer.UntilDealtAsync(host.Host, topic, strategy, 4);
    }
}
