using System.Text;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Storage.Files;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Coordination;

public sealed class EmbeddedStoreTests : IDisposable
{
    private static readonly CancellationToken s_none = CancellationToken.None;
    private readonly TempDirectory _directory = new();
    private readonly FakeTimeProvider _time = new();

    public void Dispose() => _directory.Dispose();

    private EmbeddedStore Open() => new(PhysicalDisk.Instance, _directory.Root, new MonotonicClock(_time), NullLogger.Instance);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static async Task<ICoordinationSession> SessionAsync(EmbeddedStore store, int seconds = 10) =>
        await store.OpenSessionAsync(TimeSpan.FromSeconds(seconds), s_none);

    [Fact]
    public async Task Set_OfAnotherVersion_IsRefusedAndChangesNothing()
    {
        await using EmbeddedStore store = Open();
        ICoordinationSession session = await SessionAsync(store);
        await session.CreateAsync("/a", Bytes("1"), CreateMode.Persistent, s_none);
        Assert.Equal(CoordinationError.BadVersion, (await session.SetAsync("/a", Bytes("2"), 5, s_none)).Error);
        Assert.Equal(1, (await session.SetAsync("/a", Bytes("2"), 0, s_none)).Stat.Version);
        Assert.Equal("2", Encoding.UTF8.GetString((await session.GetAsync("/a", s_none)).Data.Span));
    }

    [Fact]
    public async Task Multi_WithOneThatCannot_DoesNone()
    {
        await using EmbeddedStore store = Open();
        ICoordinationSession session = await SessionAsync(store);
        MultiResult result = await session.MultiAsync(
            [CoordinationOperation.Create("/a", default), CoordinationOperation.Create("/x/y", default)], s_none);
        Assert.Equal((CoordinationError.NoNode, 1), (result.Error, result.FailedIndex));
        Assert.Equal(CoordinationError.NoNode, (await session.ExistsAsync("/a", s_none)).Error);
    }

    [Fact]
    public async Task Ephemeral_EndsWithItsSession_AndWatchersAreTold()
    {
        await using EmbeddedStore store = Open();
        ICoordinationSession owner = await SessionAsync(store);
        ICoordinationSession watcher = await SessionAsync(store);
        await owner.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
        var told = new TaskCompletionSource<WatchEvent>();
        await watcher.WatchAsync("/e", WatchKinds.Node, e => told.TrySetResult(e), s_none);
        await owner.DisposeAsync();
        Assert.Equal(WatchEventKind.Deleted, (await told.Task).Kind);
        Assert.Equal(CoordinationError.NoNode, (await watcher.ExistsAsync("/e", s_none)).Error);
    }

    [Fact]
    public async Task Session_NotHeardOf_Expires_AndOneThatBeatsDoesNot()
    {
        await using EmbeddedStore store = Open();
        ICoordinationSession silent = await SessionAsync(store, seconds: 3);
        ICoordinationSession beating = await SessionAsync(store, seconds: 3);
        for (int i = 0; i < 5; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await beating.HeartbeatAsync(s_none);
        }
        Assert.True(silent.Ended.IsCancellationRequested);
        Assert.False(beating.Ended.IsCancellationRequested);
    }

    [Fact]
    public async Task Reopened_HoldsWhatWasPersistent_AndNothingElse()
    {
        long epoch;
        await using (EmbeddedStore store = Open())
        {
            ICoordinationSession session = await SessionAsync(store);
            await session.CreateAsync("/p", Bytes("kept"), CreateMode.Persistent, s_none);
            await session.CreateAsync("/gone", default, CreateMode.Persistent, s_none);
            await session.DeleteAsync("/gone", -1, s_none);
            epoch = (await session.CreateAsync("/e", default, CreateMode.Ephemeral, s_none)).Stat.Czxid;
        }
        await using EmbeddedStore again = Open();
        ICoordinationSession later = await SessionAsync(again);
        Assert.Equal("kept", Encoding.UTF8.GetString((await later.GetAsync("/p", s_none)).Data.Span));
        Assert.Equal(CoordinationError.NoNode, (await later.ExistsAsync("/gone", s_none)).Error);
        Assert.Equal(CoordinationError.NoNode, (await later.ExistsAsync("/e", s_none)).Error);
        Assert.True((await later.CreateAsync("/e", default, CreateMode.Ephemeral, s_none)).Stat.Czxid > epoch);
    }

    [Fact]
    public async Task Reopened_AfterATornWrite_HoldsWhatWasWhole()
    {
        await using (EmbeddedStore store = Open())
        {
            ICoordinationSession session = await SessionAsync(store);
            await session.CreateAsync("/first", default, CreateMode.Persistent, s_none);
            await session.CreateAsync("/second", Bytes("torn"), CreateMode.Persistent, s_none);
        }
        string journal = Path.Combine(_directory.Root, "journal");
        byte[] bytes = await File.ReadAllBytesAsync(journal, TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(journal, bytes[..^3], TestContext.Current.CancellationToken);
        await using EmbeddedStore again = Open();
        ICoordinationSession later = await SessionAsync(again);
        Assert.Equal(CoordinationError.None, (await later.ExistsAsync("/first", s_none)).Error);
        Assert.Equal(CoordinationError.NoNode, (await later.ExistsAsync("/second", s_none)).Error);
    }

    [Fact]
    public async Task Opened_Twice_IsRefusedInOneLine()
    {
        await using EmbeddedStore store = Open();
        CoordinationStoreException e = Assert.Throws<CoordinationStoreException>(() => Open());
        Assert.Contains("in use by another process", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sequential_NamesCountUp()
    {
        await using EmbeddedStore store = Open();
        ICoordinationSession session = await SessionAsync(store);
        await session.CreateAsync("/s", default, CreateMode.Persistent, s_none);
        Assert.Equal("/s/n0000000000", (await session.CreateAsync("/s/n", default, CreateMode.PersistentSequential, s_none)).Path);
        Assert.Equal("/s/n0000000001", (await session.CreateAsync("/s/n", default, CreateMode.PersistentSequential, s_none)).Path);
    }
}
