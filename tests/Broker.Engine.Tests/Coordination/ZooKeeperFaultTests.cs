using System.Globalization;
using System.Text;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.ZooKeeper;
using Interop;

namespace Broker.Engine.Tests.Coordination;

/// <summary>Our client where wires are cut, answers are lost, sessions expire and servers go: on a real ZooKeeper.</summary>
public sealed class ZooKeeperFaultTests(ZooKeeperFixture<Kafka39> fixture) : IClassFixture<ZooKeeperFixture<Kafka39>>
{
    private static readonly CancellationToken s_none = CancellationToken.None;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    /// <summary>Each of three sessions loses its connection two times at most, with one write under way.</summary>
    private const int LostAnswersMax = 6;

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Root(string name) => $"/faults-{name}";

    private static int NumberOf(GetResult count) => int.Parse(Encoding.UTF8.GetString(count.Data.Span).Split(' ')[0], CultureInfo.InvariantCulture);

    [Fact]
    public async Task Cut_AndMended_TheSessionGoesOn_AndWatchesTellWhatChangedMeanwhile()
    {
        await using var wire = new CutWire(fixture.Server.Port);
        await using ICoordinationSession other = await Keeper.Store(fixture.Server.Address + Root("cut")).OpenSessionAsync(s_timeout, s_none);
        await using ICoordinationSession session = await Keeper.Store(wire.Address + Root("cut")).OpenSessionAsync(s_timeout, s_none);
        foreach (string path in (string[])["/set", "/gone", "/children"])
        {
            await other.CreateAsync(path, default, CreateMode.Persistent, s_none);
        }
        CreateResult mine = await session.CreateAsync("/mine", default, CreateMode.Ephemeral, s_none);
        var told = new Dictionary<string, TaskCompletionSource<WatchEventKind>>();
        foreach (string path in (string[])["/set", "/gone", "/made", "/children", "/same"])
        {
            TaskCompletionSource<WatchEventKind> one = told[path] = new(TaskCreationOptions.RunContinuationsAsynchronously);
            await session.WatchAsync(
                path, path == "/children" ? WatchKinds.Children : WatchKinds.Node, e => one.TrySetResult(e.Kind), s_none);
        }
        wire.Cut();
        await other.SetAsync("/set", Bytes("1"), -1, s_none);
        await other.DeleteAsync("/gone", -1, s_none);
        await other.CreateAsync("/made", default, CreateMode.Persistent, s_none);
        await other.CreateAsync("/children/c", default, CreateMode.Persistent, s_none);
        wire.Mend();
        Assert.Equal(WatchEventKind.DataChanged, await told["/set"].Task);
        Assert.Equal(WatchEventKind.Deleted, await told["/gone"].Task);
        Assert.Equal(WatchEventKind.Created, await told["/made"].Task);
        Assert.Equal(WatchEventKind.ChildrenChanged, await told["/children"].Task);
        Assert.False(told["/same"].Task.IsCompleted);
        Assert.False(session.Ended.IsCancellationRequested);
        Assert.Equal(mine.Stat, (await session.ExistsAsync("/mine", s_none)).Stat);
        await other.CreateAsync("/same", default, CreateMode.Persistent, s_none);
        Assert.Equal(WatchEventKind.Created, await told["/same"].Task);
    }

    [Fact]
    public async Task Answer_Lost_AWriteThatWasCarriedOutIsNotDoneTwice()
    {
        await using var wire = new CutWire(fixture.Server.Port);
        await using ICoordinationSession session = await Keeper.Store(wire.Address + Root("lost")).OpenSessionAsync(s_timeout, s_none);
        await session.CreateAsync("/s", Bytes("0"), CreateMode.Persistent, s_none);
        wire.AnswersLeft = 0;
        CreateResult made = await session.CreateAsync("/e", Bytes("mine"), CreateMode.Ephemeral, s_none);
        Assert.Equal((CoordinationError.None, session.Id), (made.Error, made.Stat.EphemeralOwner));
        wire.AnswersLeft = 0;
        Assert.Equal(1, (await session.SetAsync("/s", Bytes("1"), 0, s_none)) is { Error: CoordinationError.None } set ? set.Stat.Version : -1);
        wire.AnswersLeft = 0;
        Assert.Equal(CoordinationError.None, (await session.DeleteAsync("/e", 0, s_none)).Error);
        wire.AnswersLeft = 0;
        MultiResult multi = await session.MultiAsync(
            [
                CoordinationOperation.Check("/s", 1), CoordinationOperation.Set("/s", Bytes("2"), 1),
                CoordinationOperation.Create("/m", Bytes("m")), CoordinationOperation.Create("/m/n", Bytes("n"), CreateMode.Ephemeral),
            ], s_none);
        Assert.Equal((CoordinationError.None, 4), (multi.Error, multi.Results.Count));
        Assert.Equal(2, multi.Results[1].Stat.Version);
        wire.AnswersLeft = 0;
        Assert.Equal(CoordinationError.BadVersion, (await session.SetAsync("/s", Bytes("x"), 0, s_none)).Error);
        wire.AnswersLeft = 0;
        Assert.Equal("2", Encoding.UTF8.GetString((await session.GetAsync("/s", s_none)).Data.Span));
    }

    [Fact]
    public async Task Silence_BeyondTheTimeout_EndsTheSession()
    {
        await using var wire = new CutWire(fixture.Server.Port);
        ICoordinationSession session = await Keeper.Store(wire.Address + Root("silent")).OpenSessionAsync(TimeSpan.FromSeconds(1), s_none);
        await using ICoordinationSession other = await Keeper.Store(fixture.Server.Address + Root("silent")).OpenSessionAsync(s_timeout, s_none);
        await session.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
        var gone = new TaskCompletionSource();
        await other.WatchAsync("/e", WatchKinds.Node, _ => gone.TrySetResult(), s_none);
        var ended = new TaskCompletionSource();
        session.Ended.Register(ended.SetResult);
        wire.Hold();
        Task<GetResult> waiting = session.GetAsync("/e", s_none).AsTask();
        await gone.Task;
        Assert.False(session.Ended.IsCancellationRequested);
        wire.Release();
        await ended.Task;
        Assert.Equal(CoordinationError.SessionExpired, (await waiting).Error);
        await session.DisposeAsync();
    }

    [Fact]
    public async Task Idle_BeyondTheTimeout_IsKeptAliveByPings()
    {
        await using ICoordinationSession session = await Keeper.Store(fixture.Server.Address + Root("idle")).OpenSessionAsync(TimeSpan.FromSeconds(1), s_none);
        await session.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
        using var long3 = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(long3.Token, session.Ended);
        await Task.Delay(Timeout.Infinite, either.Token).ContinueWith(_ => { }, TaskScheduler.Default);
        Assert.False(session.Ended.IsCancellationRequested);
        Assert.Equal(CoordinationError.None, (await session.ExistsAsync("/e", s_none)).Error);
    }

    [Fact]
    public async Task Dispose_WhileTheConnectionIsAway_EndsTheSessionOnTheNext()
    {
        await using var wire = new CutWire(fixture.Server.Port);
        await using ICoordinationSession other = await Keeper.Store(fixture.Server.Address + Root("leaving")).OpenSessionAsync(s_timeout, s_none);
        ICoordinationSession session = await Keeper.Store(wire.Address + Root("leaving")).OpenSessionAsync(s_timeout, s_none);
        await session.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
        wire.Cut();
        ValueTask leaving = session.DisposeAsync();
        wire.Mend();
        await leaving;
        Assert.Equal(CoordinationError.NoNode, (await other.ExistsAsync("/e", s_none)).Error);
    }

    [Fact]
    public async Task Handler_ThatFails_DoesNotKeepOthersFromHearing()
    {
        await using ICoordinationSession session = await Keeper.Store(fixture.Server.Address + Root("failing")).OpenSessionAsync(s_timeout, s_none);
        var told = new TaskCompletionSource();
        await session.WatchAsync("/a", WatchKinds.Node, _ => throw new InvalidOperationException("meant"), s_none);
        await session.WatchAsync("/a", WatchKinds.Node, _ => told.TrySetResult(), s_none);
        await session.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        await told.Task;
    }

    [Fact]
    public async Task Unreachable_OneClearLineAfterTheConnectionTimeout()
    {
        int nobody = FreePorts.InARow(1);
        ZooKeeperStore store = Keeper.Store(Keeper.Options($"127.0.0.1:{nobody}/x") with { ConnectionTimeout = TimeSpan.FromSeconds(1) });
        CoordinationException e = await Assert.ThrowsAsync<CoordinationException>(async () => await store.OpenSessionAsync(s_timeout, s_none));
        Assert.Equal(CoordinationError.ConnectionLoss, e.Error);
        Assert.StartsWith($"ZooKeeper at 127.0.0.1:{nobody} cannot be reached within 1000 ms (127.0.0.1:{nobody}: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TooLarge_IsRefusedAndTheSessionGoesOn()
    {
        await using ICoordinationSession session = await Keeper.Store(fixture.Server.Address + Root("large")).OpenSessionAsync(s_timeout, s_none);
        byte[] data = new byte[400_000];
        Assert.Equal(CoordinationError.None, (await session.CreateAsync("/a", data, CreateMode.Persistent, s_none)).Error);
        MultiResult multi = await session.MultiAsync(
            [.. Enumerable.Range(0, 3).Select(i => CoordinationOperation.Create($"/m{i}", data))], s_none);
        Assert.Equal(CoordinationError.BadArguments, multi.Error);
        Assert.Equal(400_000, (await session.GetAsync("/a", s_none)).Data.Length);
    }

    [Fact]
    public async Task Server_KilledAndStartedAgain_TheSessionGoesOn()
    {
        await using ZooKeeperProcess server = await ZooKeeperProcess.StartAsync();
        await using ICoordinationSession session = await Keeper.Store(server.Address).OpenSessionAsync(s_timeout, s_none);
        CreateResult made = await session.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
        await server.KillAsync();
        Task<StatResult> during = session.SetAsync("/e", Bytes("x"), 0, s_none).AsTask();
        await server.StartAgainAsync();
        StatResult set = await during;
        Assert.Equal((CoordinationError.None, made.Stat.Czxid, session.Id), (set.Error, set.Stat.Czxid, set.Stat.EphemeralOwner));
    }

    /// <summary>Three parties count up one number, each step on condition of the version it has read, while the ensemble's leader is
    /// killed and another stands still: no step that was answered as done is lost, and none is done twice. Each party's bytes are its own: a write whose
    /// answer was lost is known by them.</summary>
    [Fact]
    public async Task Ensemble_LeaderKilled_NothingIsLostNorDoneTwice()
    {
        ZooKeeperProcess[] servers = await ZooKeeperProcess.StartEnsembleAsync();
        try
        {
            string connect = string.Join(',', servers.Select(s => s.Address));
            ICoordinationSession[] sessions = await Task.WhenAll(Enumerable.Range(0, 3)
                .Select(_ => Keeper.Store(connect).OpenSessionAsync(s_timeout, s_none).AsTask()));
            await sessions[0].CreateAsync("/count", Bytes("0"), CreateMode.Persistent, s_none);
            await sessions[0].CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
            int done = 0;
            using var stop = new CancellationTokenSource();
            Task[] counting = [.. sessions.Select(s => Task.Run(() => CountAsync(s), TestContext.Current.CancellationToken))];
            await AdvanceAsync(50);
            ZooKeeperProcess leader = servers[0];
            foreach (ZooKeeperProcess one in servers)
            {
                leader = await one.IsLeaderAsync() ? one : leader;
            }
            await leader.KillAsync();
            await AdvanceAsync(50);
            await leader.StartAgainAsync();
            ZooKeeperProcess paused = servers.First(s => s != leader);
            paused.Pause();
            await AdvanceAsync(50);
            paused.Continue();
            await AdvanceAsync(50);
            await stop.CancelAsync();
            await Task.WhenAll(counting);
            await sessions[0].SetAsync("/e", default, -1, s_none);   // after it the session reads what is as new
            GetResult end = await sessions[0].GetAsync("/count", s_none);
            Assert.Equal(end.Stat.Version, NumberOf(end));   // no step was done twice
            // A step whose answer was lost, and which another party's followed before it was looked up, was told as refused.
            Assert.InRange(end.Stat.Version - done, 0, LostAnswersMax);
            Assert.All(sessions, s => Assert.False(s.Ended.IsCancellationRequested));
            await Task.WhenAll(sessions.Select(s => s.DisposeAsync().AsTask()));

            async Task CountAsync(ICoordinationSession session)
            {
                while (!stop.IsCancellationRequested)
                {
                    GetResult read = await session.GetAsync("/count", s_none);
                    byte[] next = Bytes($"{NumberOf(read) + 1} by {session.Id}");
                    StatResult set = await session.SetAsync("/count", next, read.Stat.Version, s_none);
                    if (set.Error == CoordinationError.None)
                    {
                        Interlocked.Increment(ref done);
                    }
                    else
                    {
                        Assert.Equal(CoordinationError.BadVersion, set.Error);
                    }
                }
            }

            async Task AdvanceAsync(int steps)
            {
                for (int end = Volatile.Read(ref done) + steps; Volatile.Read(ref done) < end;)
                {
                    Assert.DoesNotContain(counting, c => c.IsCompleted);
                    await Task.Delay(10, TestContext.Current.CancellationToken);
                }
            }
        }
        finally
        {
            foreach (ZooKeeperProcess server in servers)
            {
                await server.DisposeAsync();
            }
        }
    }
}
