using System.Globalization;
using System.Text;
using Broker.Engine.Coordination;

namespace Broker.Engine.Tests.Coordination;

/// <summary>What every store of the tree promises, whoever serves it.</summary>
public abstract class StoreContract : IAsyncLifetime
{
    private static readonly CancellationToken s_none = CancellationToken.None;
    private ICoordinationStore _store = null!;

    /// <summary>Opens a store with an empty tree.</summary>
    private protected abstract Task<ICoordinationStore> OpenAsync();


    public async ValueTask InitializeAsync() => _store = await OpenAsync();

    public virtual async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await _store.DisposeAsync();
        }
        GC.SuppressFinalize(this);
    }

    private ValueTask<ICoordinationSession> SessionAsync(int seconds = 10) => _store.OpenSessionAsync(TimeSpan.FromSeconds(seconds), s_none);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(GetResult found) => Encoding.UTF8.GetString(found.Data.Span);

    [Fact]
    public async Task Nodes_AreMadeReadSetAndDeleted_WithZooKeepersStat()
    {
        await using ICoordinationSession session = await SessionAsync();
        CreateResult made = await session.CreateAsync("/a", Bytes("one"), CreateMode.Persistent, s_none);
        Assert.Equal((CoordinationError.None, "/a", 0, 3, 0L), (made.Error, made.Path, made.Stat.Version, made.Stat.DataLength, made.Stat.EphemeralOwner));
        Assert.Equal(made.Stat.Czxid, made.Stat.Mzxid);
        StatResult set = await session.SetAsync("/a", Bytes("two!"), 0, s_none);
        Assert.Equal((1, 4, made.Stat.Czxid), (set.Stat.Version, set.Stat.DataLength, set.Stat.Czxid));
        Assert.True(set.Stat.Mzxid > made.Stat.Mzxid);
        GetResult got = await session.GetAsync("/a", s_none);
        Assert.Equal(("two!", set.Stat), (Text(got), got.Stat));
        Assert.Equal(set.Stat, (await session.ExistsAsync("/a", s_none)).Stat);
        await session.CreateAsync("/a/y", default, CreateMode.Persistent, s_none);
        await session.CreateAsync("/a/x", default, CreateMode.Persistent, s_none);
        ChildrenResult children = await session.GetChildrenAsync("/a", s_none);
        Assert.Equal(["x", "y"], children.Children);
        Assert.Equal((2, 2), (children.Stat.ChildCount, children.Stat.ChildVersion));
        await session.DeleteAsync("/a/x", 0, s_none);
        Assert.Equal((1, 3), ((await session.ExistsAsync("/a", s_none)).Stat.ChildCount, (await session.ExistsAsync("/a", s_none)).Stat.ChildVersion));
        Assert.Equal(CoordinationError.NoNode, (await session.GetAsync("/a/x", s_none)).Error);
    }

    [Fact]
    public async Task Errors_AreZooKeepers()
    {
        await using ICoordinationSession session = await SessionAsync();
        await session.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        await session.CreateAsync("/a/b", default, CreateMode.Persistent, s_none);
        await session.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
        Assert.Equal(CoordinationError.NodeExists, (await session.CreateAsync("/a", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.NodeExists, (await session.CreateAsync("/", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.NoNode, (await session.CreateAsync("/x/y", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.NoChildrenForEphemerals, (await session.CreateAsync("/e/c", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.NotEmpty, (await session.DeleteAsync("/a", -1, s_none)).Error);
        Assert.Equal(CoordinationError.BadVersion, (await session.DeleteAsync("/a/b", 3, s_none)).Error);
        Assert.Equal(CoordinationError.BadVersion, (await session.SetAsync("/a/b", default, 3, s_none)).Error);
        Assert.Equal(CoordinationError.NoNode, (await session.DeleteAsync("/zz", -1, s_none)).Error);
        Assert.Equal(CoordinationError.NoNode, (await session.SetAsync("/zz", default, -1, s_none)).Error);
        Assert.Equal(CoordinationError.NoNode, (await session.GetChildrenAsync("/zz", s_none)).Error);
        Assert.Equal(CoordinationError.BadArguments, (await session.CreateAsync("/a/", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.BadArguments, (await session.DeleteAsync("/", -1, s_none)).Error);
        Assert.Equal(CoordinationError.BadArguments, (await session.SetAsync("/a", new byte[1 << 20], -1, s_none)).Error);
        Assert.Equal(CoordinationError.None, (await session.ExistsAsync("/a", s_none)).Error);
    }

    [Fact]
    public async Task Sequential_NamesCountUp_OverDeletions()
    {
        await using ICoordinationSession session = await SessionAsync();
        await session.CreateAsync("/s", default, CreateMode.Persistent, s_none);
        Assert.Equal("/s/n0000000000", (await session.CreateAsync("/s/n", default, CreateMode.PersistentSequential, s_none)).Path);
        await session.DeleteAsync("/s/n0000000000", -1, s_none);
        CreateResult second = await session.CreateAsync("/s/", Bytes("x"), CreateMode.EphemeralSequential, s_none);
        Assert.Equal(("/s/0000000001", session.Id), (second.Path, second.Stat.EphemeralOwner));
    }

    [Fact]
    public async Task Multi_SeesItsOwnEarlierOperations()
    {
        await using ICoordinationSession session = await SessionAsync();
        MultiResult result = await session.MultiAsync(
            [
                CoordinationOperation.Create("/a", Bytes("1")),
                CoordinationOperation.Create("/a/b", default),
                CoordinationOperation.Set("/a", Bytes("2"), 0),
                CoordinationOperation.Check("/a", 1),
                CoordinationOperation.Delete("/a/b", 0),
                CoordinationOperation.Create("/a/n", default, CreateMode.PersistentSequential),
            ], s_none);
        Assert.Equal((CoordinationError.None, -1, 6), (result.Error, result.FailedIndex, result.Results.Count));
        Assert.Equal(["/a", "/a/b", "/a", "/a", "/a/b", "/a/n0000000001"], result.Results.Select(r => r.Path));
        Assert.Equal((0, 1), (result.Results[0].Stat.Version, result.Results[2].Stat.Version));
        Assert.Equal(["n0000000001"], (await session.GetChildrenAsync("/a", s_none)).Children);
    }

    [Fact]
    public async Task Multi_WithOneThatCannot_DoesNone_AndNamesIt()
    {
        await using ICoordinationSession session = await SessionAsync();
        MultiResult result = await session.MultiAsync(
            [
                CoordinationOperation.Create("/a", default),
                CoordinationOperation.Create("/x/y", default),
                CoordinationOperation.Create("/b", default),
            ], s_none);
        Assert.Equal((CoordinationError.NoNode, 1), (result.Error, result.FailedIndex));
        Assert.Equal(CoordinationError.NoNode, (await session.ExistsAsync("/a", s_none)).Error);
        await session.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        Assert.Equal(
            (CoordinationError.BadVersion, 0),
            (await session.MultiAsync([CoordinationOperation.Check("/a", 7), CoordinationOperation.Create("/b", default)], s_none))
                is var refused ? (refused.Error, refused.FailedIndex) : default);
    }

    [Fact]
    public async Task Multi_OfFiveHundredStates_IsOneTransaction()
    {
        await using ICoordinationSession session = await SessionAsync();
        await session.CreateAsync("/t", default, CreateMode.Persistent, s_none);
        byte[] state = Bytes("""{"controller_epoch":1,"leader":1,"version":1,"leader_epoch":0,"isr":[1,2,3]}""");
        MultiResult made = await session.MultiAsync(
            [.. Enumerable.Range(0, 500).Select(i => CoordinationOperation.Create($"/t/{i}", state))], s_none);
        Assert.Equal((CoordinationError.None, 500), (made.Error, made.Results.Count));
        Assert.Single(await Task.WhenAll(Enumerable.Range(0, 500).Select(async i => (await session.GetAsync($"/t/{i}", s_none)).Stat.Czxid)) is var all
            ? all.Distinct() : []);
        await session.DeleteTreeAsync("/t", [], [], s_none);
        Assert.Equal(CoordinationError.NoNode, (await session.ExistsAsync("/t", s_none)).Error);
    }

    [Fact]
    public async Task Ephemeral_EndsWithItsSession_AndWatchersAreTold()
    {
        ICoordinationSession owner = await SessionAsync();
        await using ICoordinationSession watcher = await SessionAsync();
        await owner.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
        var told = new TaskCompletionSource<WatchEvent>();
        await watcher.WatchAsync("/e", WatchKinds.Node, e => told.TrySetResult(e), s_none);
        await owner.DisposeAsync();
        Assert.True(owner.Ended.IsCancellationRequested);
        Assert.Equal(new WatchEvent(WatchEventKind.Deleted, "/e"), await told.Task);
        Assert.Equal(CoordinationError.NoNode, (await watcher.ExistsAsync("/e", s_none)).Error);
        Assert.Equal(CoordinationError.SessionExpired, (await owner.CreateAsync("/b", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.SessionExpired, (await owner.GetAsync("/a", s_none)).Error);
        Assert.Equal(CoordinationError.SessionExpired, await owner.HeartbeatAsync(s_none));
    }

    [Fact]
    public async Task Watch_IsToldOfEveryKindOfChange()
    {
        await using ICoordinationSession session = await SessionAsync();
        await using ICoordinationSession watcher = await SessionAsync();
        var told = System.Threading.Channels.Channel.CreateUnbounded<WatchEvent>();
        await watcher.WatchAsync("/p", WatchKinds.NodeAndChildren, e => told.Writer.TryWrite(e), s_none);
        await session.CreateAsync("/p", default, CreateMode.Persistent, s_none);
        await UntilAsync(told, watcher, WatchEventKind.Created);
        await session.SetAsync("/p", Bytes("1"), -1, s_none);
        await UntilAsync(told, watcher, WatchEventKind.DataChanged);
        await session.CreateAsync("/p/c", default, CreateMode.Persistent, s_none);
        await UntilAsync(told, watcher, WatchEventKind.ChildrenChanged);
        await session.DeleteAsync("/p/c", -1, s_none);
        await UntilAsync(told, watcher, WatchEventKind.ChildrenChanged);
        await session.DeleteAsync("/p", -1, s_none);
        await UntilAsync(told, watcher, WatchEventKind.Deleted);
        await session.CreateAsync("/p", default, CreateMode.Persistent, s_none);
        await UntilAsync(told, watcher, WatchEventKind.Created);
    }

    private static async Task UntilAsync(
        System.Threading.Channels.Channel<WatchEvent> told, ICoordinationSession watcher, WatchEventKind kind)
    {
        while ((await told.Reader.ReadAsync(s_none)).Kind != kind)
        {
            // A change may be told more than once.
        }
        await watcher.ExistsAsync("/p", s_none);   // what comes after a reading is told anew
    }

    [Fact]
    public async Task Watch_OfChildren_OfANodeThatIsNotThereYet_SeesThem()
    {
        await using ICoordinationSession session = await SessionAsync();
        await using ICoordinationSession watcher = await SessionAsync();
        var all = new TaskCompletionSource();
        await watcher.WatchAsync("/late", WatchKinds.Children, e => _ = LookAsync(), s_none);
        await session.CreateAsync("/late", default, CreateMode.Persistent, s_none);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => session.CreateAsync($"/late/{i}", default, CreateMode.Persistent, s_none).AsTask()));
        await all.Task;

        async Task LookAsync()
        {
            if ((await watcher.GetChildrenAsync("/late", s_none)).Children.Count == 20)
            {
                all.TrySetResult();
            }
        }
    }

    /// <summary>Whoever reads again at each word ends with what is there: nothing goes unseen, however fast changes come.</summary>
    [Fact]
    public async Task Watch_ReadAgainAtEachWord_EndsWithTheLastState()
    {
        await using ICoordinationSession session = await SessionAsync();
        await using ICoordinationSession watcher = await SessionAsync();
        await session.CreateAsync("/w", default, CreateMode.Persistent, s_none);
        var last = new TaskCompletionSource();
        await watcher.WatchAsync("/w", WatchKinds.Node, e => _ = LookAsync(), s_none);
        for (int i = 1; i <= 200; i++)
        {
            await session.SetAsync("/w", Bytes($"{i}"), -1, s_none);
        }
        await last.Task;

        async Task LookAsync()
        {
            if (Text(await watcher.GetAsync("/w", s_none)) == "200")
            {
                last.TrySetResult();
            }
        }
    }

    [Fact]
    public async Task Watches_AreToldInTheOrderOfCommits()
    {
        await using ICoordinationSession session = await SessionAsync();
        await using ICoordinationSession watcher = await SessionAsync();
        var told = new List<string>();
        var all = new TaskCompletionSource();
        for (int i = 0; i < 20; i++)
        {
            await watcher.WatchAsync($"/n{i}", WatchKinds.Node, Note, s_none);
        }
        for (int i = 0; i < 20; i++)
        {
            await session.CreateAsync($"/n{i}", default, CreateMode.Persistent, s_none);
        }
        await all.Task;
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"/n{i}"), told);

        void Note(WatchEvent e)
        {
            told.Add(e.Path);
            if (e.Path == "/n19")
            {
                all.SetResult();
            }
        }
    }

    [Fact]
    public async Task Watch_Disposed_IsToldNothingMore_AndAnotherOnThePathIs()
    {
        await using ICoordinationSession session = await SessionAsync();
        bool told = false;
        IDisposable off = await session.WatchAsync("/a", WatchKinds.Node, _ => told = true, s_none);
        off.Dispose();
        var seen = new TaskCompletionSource();
        await session.WatchAsync("/a", WatchKinds.Node, _ => seen.TrySetResult(), s_none);
        await session.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        await seen.Task;
        Assert.False(told);
    }

    [Fact]
    public async Task Sessions_AtOnce_CountExactly_AndOneAloneWinsAnElection()
    {
        await using ICoordinationSession first = await SessionAsync();
        await first.CreateAsync("/count", Bytes("0"), CreateMode.Persistent, s_none);
        int elected = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            await using ICoordinationSession session = await SessionAsync();
            if ((await session.CreateAsync("/controller", default, CreateMode.Ephemeral, s_none)).Error == CoordinationError.None)
            {
                Interlocked.Increment(ref elected);
            }
            for (int i = 0; i < 50;)
            {
                GetResult read = await session.GetAsync("/count", s_none);
                int value = int.Parse(read.Data.Span, CultureInfo.InvariantCulture);
                i += (await session.SetAsync("/count", Bytes($"{value + 1}"), read.Stat.Version, s_none)).Error == CoordinationError.None ? 1 : 0;
            }
        }, TestContext.Current.CancellationToken)));
        Assert.True(elected >= 1);
        Assert.Equal(200, (await first.GetAsync("/count", s_none)).Stat.Version);
        Assert.Equal(CoordinationError.NoNode, (await first.ExistsAsync("/controller", s_none)).Error);
    }
}
