using Broker.Engine.Configuration;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Configuration;

/// <summary>Following the tree's configuration.</summary>
public sealed class ClusterConfigTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FollowAsync_ValuesChangedBetweenTwoSessions_TellsThatTheyDid()
    {
        await using var store = new EmbeddedStore(new FaultingDisk(), "/c", new MonotonicClock(TimeProvider.System), NullLogger.Instance);
        var config = new ClusterConfig(new BrokerConfig(new Dictionary<string, string>()), NullLogger.Instance);
        ICoordinationSession first = await store.OpenSessionAsync(TimeSpan.FromMinutes(1), Token);
        foreach (string path in ClusterPaths.Persistent)
        {
            await first.EnsurePathAsync(path, Token);
        }
        var told = new List<ConfigChange>();
        config.Changed = told.Add;
        await config.FollowAsync(first);
        Assert.Empty(told);
        await first.DisposeAsync();
        await using ICoordinationSession second = await store.OpenSessionAsync(TimeSpan.FromMinutes(1), Token);
        await second.PutAsync(
            ClusterPaths.TopicConfig("t"), ClusterJson.Config(new Dictionary<string, string> { ["max.message.bytes"] = "77" }), Token);
        await config.FollowAsync(second);
        Assert.Single(told);
        Assert.Equal(77, config.LogConfigOf("t").MaxMessageBytes);
    }

    [Fact]
    public async Task TopicsInTreeAsync_ValuesNobodyTold_AreSeen_AndAreWhatIsKnownOnceTheTreeIsGone()
    {
        await using var store = new EmbeddedStore(new FaultingDisk(), "/c", new MonotonicClock(TimeProvider.System), NullLogger.Instance);
        var config = new ClusterConfig(new BrokerConfig(new Dictionary<string, string>()), NullLogger.Instance);
        Assert.Empty(await config.TopicsInTreeAsync(["t"]));
        ICoordinationSession session = await store.OpenSessionAsync(TimeSpan.FromMinutes(1), Token);
        foreach (string path in ClusterPaths.Persistent)
        {
            await session.EnsurePathAsync(path, Token);
        }
        await config.FollowAsync(session);
        await session.PutAsync(
            ClusterPaths.TopicConfig("t"), ClusterJson.Config(new Dictionary<string, string> { ["max.message.bytes"] = "77" }), Token);
        Assert.Empty(config.Topic("t"));
        Assert.Equal("77", (await config.TopicsInTreeAsync(["t", "u"]))["t"]["max.message.bytes"]);
        await session.DisposeAsync();
        Assert.Empty(await config.TopicsInTreeAsync(["t"]));
    }
}
