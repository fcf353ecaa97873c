using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Coordination;

/// <summary>ZooKeeper's rules: errors, watches and their order, sessions at once.</summary>
public sealed class TreeRuleTests : IAsyncDisposable
{
    private static readonly CancellationToken s_none = CancellationToken.None;
    private readonly EmbeddedStore _store =
        new(new FaultingDisk(), "/c", new MonotonicClock(new FakeTimeProvider()), NullLogger.Instance);

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    private ValueTask<ICoordinationSession> SessionAsync() => _store.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);

    [Fact]
    public async Task Errors_AreZooKeepers()
    {
        await using ICoordinationSession session = await SessionAsync();
        await session.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        await session.CreateAsync("/a/b", default, CreateMode.Persistent, s_none);
        await session.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
        Assert.Equal(CoordinationError.NodeExists, (await session.CreateAsync("/a", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.NoNode, (await session.CreateAsync("/x/y", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.NoChildrenForEphemerals, (await session.CreateAsync("/e/c", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.NotEmpty, (await session.DeleteAsync("/a", -1, s_none)).Error);
        Assert.Equal(CoordinationError.BadVersion, (await session.DeleteAsync("/a/b", 3, s_none)).Error);
        Assert.Equal(CoordinationError.NoNode, (await session.DeleteAsync("/zz", -1, s_none)).Error);
        Assert.Equal(CoordinationError.NoNode, (await session.SetAsync("/zz", default, -1, s_none)).Error);
        Assert.Equal(CoordinationError.BadArguments, (await session.CreateAsync("/a/", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.BadArguments, (await session.DeleteAsync("/", -1, s_none)).Error);
        Assert.Equal(CoordinationError.BadArguments, (await session.SetAsync("/a", new byte[1 << 20], -1, s_none)).Error);
    }

    [Fact]
    public async Task Multi_SeesItsOwnEarlierOperations()
    {
        await using ICoordinationSession session = await SessionAsync();
        MultiResult result = await session.MultiAsync(
            [
                CoordinationOperation.Create("/a", default),
                CoordinationOperation.Create("/a/b", default),
                CoordinationOperation.Set("/a", default, 0),
                CoordinationOperation.Check("/a", 1),
                CoordinationOperation.Delete("/a/b", 0),
                CoordinationOperation.Delete("/a", 1),
            ], s_none);
        Assert.Equal((CoordinationError.None, -1, 6), (result.Error, result.FailedIndex, result.Results.Count));
        Assert.Equal(["zookeeper"], (await session.GetChildrenAsync("/", s_none)).Children);
    }

    [Fact]
    public async Task Watches_AreToldInTheOrderOfCommits_NodeBeforeParent()
    {
        await using ICoordinationSession session = await SessionAsync();
        await using ICoordinationSession watcher = await SessionAsync();
        await session.CreateAsync("/p", default, CreateMode.Persistent, s_none);
        var told = new List<WatchEvent>();
        var all = new TaskCompletionSource();
        void Note(WatchEvent e)
        {
            told.Add(e);
            if (e.Path == "/last")
            {
                all.SetResult();
            }
        }
        await watcher.WatchAsync("/p", WatchKinds.Children, Note, s_none);
        await watcher.WatchAsync("/p/c", WatchKinds.Node, Note, s_none);
        await watcher.WatchAsync("/last", WatchKinds.Node, Note, s_none);
        await session.CreateAsync("/p/c", default, CreateMode.Persistent, s_none);
        await session.SetAsync("/p/c", default, -1, s_none);
        await session.DeleteAsync("/p/c", -1, s_none);
        await session.DeleteAsync("/p", -1, s_none);
        await session.CreateAsync("/last", default, CreateMode.Persistent, s_none);
        await all.Task;
        Assert.Equal(
        [
            new(WatchEventKind.Created, "/p/c"), new(WatchEventKind.ChildrenChanged, "/p"),
            new(WatchEventKind.DataChanged, "/p/c"),
            new(WatchEventKind.Deleted, "/p/c"), new(WatchEventKind.ChildrenChanged, "/p"),
            new(WatchEventKind.Deleted, "/p"), new(WatchEventKind.Created, "/last"),
        ], told);
    }

    [Fact]
    public async Task SessionEnded_IsRefused_AndItsWatchesAreToldNothing()
    {
        ICoordinationSession ended = await SessionAsync();
        await using ICoordinationSession other = await SessionAsync();
        bool told = false;
        await ended.WatchAsync("/a", WatchKinds.Node, _ => told = true, s_none);
        await ended.DisposeAsync();
        var seen = new TaskCompletionSource();
        await other.WatchAsync("/a", WatchKinds.Node, _ => seen.SetResult(), s_none);
        await other.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        await seen.Task;
        Assert.False(told);
        Assert.Equal(CoordinationError.SessionExpired, (await ended.CreateAsync("/b", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.SessionExpired, (await ended.GetAsync("/a", s_none)).Error);
    }

    [Fact]
    public async Task Sessions_AtOnce_CountExactly_AndOneAloneWinsAnElection()
    {
        await using ICoordinationSession first = await SessionAsync();
        await first.CreateAsync("/count", "0"u8.ToArray(), CreateMode.Persistent, s_none);
        int elected = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            await using ICoordinationSession session = await SessionAsync();
            if ((await session.CreateAsync("/controller", default, CreateMode.Ephemeral, s_none)).Error == CoordinationError.None)
            {
                Interlocked.Increment(ref elected);
            }
            for (int i = 0; i < 250;)
            {
                GetResult read = await session.GetAsync("/count", s_none);
                int value = int.Parse(read.Data.Span, System.Globalization.CultureInfo.InvariantCulture);
                byte[] next = System.Text.Encoding.ASCII.GetBytes($"{value + 1}");
                i += (await session.SetAsync("/count", next, read.Stat.Version, s_none)).Error == CoordinationError.None ? 1 : 0;
            }
        }, TestContext.Current.CancellationToken)));
        Assert.True(elected >= 1);
        Assert.Equal(1_000, (await first.GetAsync("/count", s_none)).Stat.Version);
        Assert.Equal("1000", System.Text.Encoding.ASCII.GetString((await first.GetAsync("/count", s_none)).Data.Span));
        Assert.Equal(CoordinationError.NoNode, (await first.ExistsAsync("/controller", s_none)).Error);
    }
}
