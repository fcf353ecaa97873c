namespace EndToEnd;

/// <summary>Every page in both widths and themes: data, no errors, nothing beyond the window's edge, nothing grave for axe.</summary>
public sealed class PageTests(Chromium chromium, LivingHost host) : IClassFixture<LivingHost>
{
    private const string Topic = LivingHost.Topic;

    /// <summary>Name, address, and a text of its data.</summary>
    internal static readonly (string Name, string Path, string Shows)[] Pages =
    [
        ("overview", "/", "Busiest topics"),
        ("brokers", "/brokers", "Broker 2"),
        ("broker", "/brokers/0", "Threads idle"),
        ("broker-dirs", "/brokers/0?tab=dirs", "online"),
        ("broker-connections", "/brokers/0?tab=connections", "Network thread"),
        ("broker-config", "/brokers/0?tab=config", "num.network.threads"),
        ("broker-defaults", "/brokers/defaults", "message.max.bytes"),
        ("topics", "/topics?internal=true", "__consumer_offsets"),
        ("topic", $"/topics/{Topic}", "High watermark"),
        ("topic-groups", $"/topics/{Topic}?tab=groups", LivingHost.Group),
        ("topic-config", $"/topics/{Topic}?tab=config", "cleanup.policy"),
        ("topic-replicas", $"/topics/{Topic}?tab=replicas", "Known by"),
        ("replication", "/replication?filter=All", "Last departure"),
        ("replication-well", "/replication?q=backlog", "No partition is like that"),
        ("replication-history", "/replication?tab=history", "Nothing has happened"),
        ("replication-reassignments", "/replication?tab=reassignments", "No reassignment is under way"),
        ("replication-balance", "/replication?tab=balance", "Propose an even spread"),
        ("messages-none", "/messages", "Choose a topic"),
        ("messages", $"/messages?topic={Topic}&partition=0&from=oldest", "order-1"),
        ("messages-json", $"/messages?topic={Topic}&partition=0&from=oldest&show=json", "order-1"),
        ("groups", "/groups", LivingHost.LaggingGroup),
        ("group", $"/groups/{LivingHost.Group}", "Heartbeat due in"),
        ("group-lagging", $"/groups/{LivingHost.LaggingGroup}", "backlog"),
        ("segments-none", "/segments", "Choose a topic"),
        ("segments", "/segments?topic=backlog&partition=0&segment=0", "Valid"),
        ("timers", "/timers", "Heartbeat"),
        ("unknown-topic", "/topics/nowhere", "UNKNOWN_TOPIC_OR_PARTITION"),
        ("not-found", "/nowhere", "Not found"),
    ];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pages_InAWindow_AreSound(bool isDark)
    {
        await using Window window = await chromium.OpenAsync(host.Http, isDark: isDark);
        var problems = new List<string>();
        foreach ((string name, string path, string shows) in Pages)
        {
            await window.GoAsync(path, shows);
            await window.AliveAsync();
            foreach (int width in (int[])[1280, 1920])
            {
                await window.WidenAsync(width);
                await window.SeesAsync(shows);
                await window.PictureAsync($"{name}-{width}-{(isDark ? "dark" : "light")}");
                problems.AddRange(await window.ProblemsAsync($"{path} at {width}"));
            }
        }
        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }
}
