using System.Text;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Broker.Protocol.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Coordination;

/// <summary>The journal under kills, torn and failing writes: the next opening holds a prefix of the history that has all that
/// was answered, or says in one line that it cannot.</summary>
public sealed class JournalTests
{
    private static readonly CancellationToken s_none = CancellationToken.None;
    private readonly FaultingDisk _disk = new();

    private static EmbeddedStore Open(FaultingDisk disk) =>
        new(disk, "/c", new MonotonicClock(new FakeTimeProvider()), NullLogger.Instance);

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>Runs a history and notes the tree after each step.</summary>
    private async Task<List<string>> RunAsync(int steps, int seed)
    {
        var random = new Random(seed);
        EmbeddedStore store = Open(_disk);
        ICoordinationSession session = await store.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);
        var states = new List<string> { await DumpAsync(store) };
        for (int i = 0; i < steps; i++)
        {
            string path = $"/n{random.Next(6)}";
            switch (random.Next(5))
            {
                case 0:
                    await session.DeleteAsync(path, -1, s_none);
                    break;
                case 1:
                    await session.SetAsync(path, Bytes($"set {i}"), -1, s_none);
                    break;
                case 2:
                    await session.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
                    await session.MultiAsync([CoordinationOperation.Set("/e", Bytes("x")), CoordinationOperation.Delete("/e")], s_none);
                    break;
                case 3:
                    await session.MultiAsync(
                        [
                            CoordinationOperation.Create("/both", default, CreateMode.Ephemeral),
                            CoordinationOperation.Set("/both", Bytes("1")),
                            CoordinationOperation.Delete("/both"),
                            CoordinationOperation.Create($"/m{i}", Bytes("multi")),
                        ], s_none);
                    break;
                default:
                    await session.CreateAsync(path, Bytes($"made {i}"), CreateMode.Persistent, s_none);
                    break;
            }
            states.Add(await DumpAsync(store));
        }
        return states;
    }

    private static async Task<string> DumpAsync(EmbeddedStore store)
    {
        await using ICoordinationSession session = await store.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);
        var text = new StringBuilder();
        foreach (string name in (await session.GetChildrenAsync("/", s_none)).Children.Where(n => n != "zookeeper"))
        {
            GetResult node = await session.GetAsync("/" + name, s_none);
            text.Append(name).Append('=').Append(Encoding.UTF8.GetString(node.Data.Span)).Append('@').Append(node.Stat.Version).Append(' ');
        }
        return text.ToString();
    }

    [Fact]
    public async Task Open_CutAtEveryByte_HoldsAPrefixOfTheHistory()
    {
        List<string> states = await RunAsync(steps: 60, seed: 3);
        byte[] journal = _disk["/c/journal"];
        int at = 0;
        for (int length = 0; length <= journal.Length; length++)
        {
            FaultingDisk crashed = _disk.Crash();
            crashed["/c/journal"] = journal[..length];
            await using EmbeddedStore store = Open(crashed);
            string state = await DumpAsync(store);
            int found = states.IndexOf(state, at);
            Assert.True(found >= 0, $"cut at {length} of {journal.Length}: {state}");
            at = found;
        }
        Assert.Equal(states[^1], states[at]);
    }

    [Fact]
    public async Task Open_AnyByteFlipped_HoldsAPrefix_OrRefusesInOneLine()
    {
        List<string> states = await RunAsync(steps: 25, seed: 4);
        byte[] journal = _disk["/c/journal"];
        int refused = 0;
        for (int at = 0; at < journal.Length; at++)
        {
            FaultingDisk damaged = _disk.Crash();
            byte[] bytes = (byte[])journal.Clone();
            bytes[at] ^= 0x10;
            damaged["/c/journal"] = bytes;
            try
            {
                await using EmbeddedStore store = Open(damaged);
                Assert.Contains(await DumpAsync(store), states);
            }
            catch (CoordinationStoreException e)
            {
                refused++;
                Assert.Contains("journal is damaged at byte", e.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', e.Message);
            }
        }
        Assert.True(refused > journal.Length / 2, "damage before the end is not to be taken for a torn write");
    }

    [Fact]
    public async Task Open_SnapshotDamaged_RefusesInOneLine()
    {
        await RunAsync(steps: 5, seed: 1);
        byte[] snapshot = _disk["/c/snapshot"];
        snapshot[^1] ^= 1;
        _disk["/c/snapshot"] = snapshot;
        Assert.Contains("snapshot", Assert.Throws<CoordinationStoreException>(() => Open(_disk.Crash())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(20)]
    public async Task Write_DiskFails_AnswersConnectionLoss_AndTakesNothingMore(int written)
    {
        await using EmbeddedStore store = Open(_disk);
        ICoordinationSession session = await store.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);
        await session.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        _disk.OnWrite = (_, length) => Math.Min(written, length);
        Assert.Equal(CoordinationError.ConnectionLoss, (await session.CreateAsync("/b", default, CreateMode.Persistent, s_none)).Error);
        _disk.OnWrite = null;
        Assert.Equal(CoordinationError.ConnectionLoss, (await session.CreateAsync("/c", default, CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.None, (await session.ExistsAsync("/a", s_none)).Error);
        await using EmbeddedStore again = Open(_disk.Crash());
        Assert.Equal("a=@0 ", await DumpAsync(again));
    }

    [Fact]
    public async Task Write_IsSyncedBeforeItIsAnswered_AndEphemeralsCostNoSync()
    {
        await using EmbeddedStore store = Open(_disk);
        ICoordinationSession session = await store.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);
        int before = _disk.Syncs;
        await session.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        Assert.Equal(before + 1, _disk.Syncs);
        await session.CreateAsync("/e", default, CreateMode.Ephemeral, s_none);
        await session.SetAsync("/e", Bytes("x"), -1, s_none);
        Assert.Equal(before + 1, _disk.Syncs);
    }

    [Fact]
    public async Task Journal_GrownFar_IsFoldedIntoTheSnapshot()
    {
        EmbeddedStore store = Open(_disk);
        ICoordinationSession session = await store.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);
        await session.CreateAsync("/a", default, CreateMode.Persistent, s_none);
        byte[] data = new byte[100_000];
        long longest = 0;
        for (int i = 0; i < 100; i++)
        {
            await session.SetAsync("/a", data, -1, s_none);
            longest = Math.Max(longest, _disk.LengthOf("/c/journal"));
        }
        Assert.InRange(longest, 4 << 20, 5 << 20);
        await using EmbeddedStore again = Open(_disk.Crash());
        await using ICoordinationSession later = await again.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);
        Assert.Equal(100, (await later.GetAsync("/a", s_none)).Stat.Version);
    }

    [Fact]
    public async Task EphemeralMadeAndSetInOneMulti_DoesNotHinderTheNextStart()
    {
        EmbeddedStore store = Open(_disk);
        ICoordinationSession session = await store.OpenSessionAsync(TimeSpan.FromMinutes(1), s_none);
        await session.CreateAsync("/x", default, CreateMode.Ephemeral, s_none);
        MultiResult result = await session.MultiAsync(
            [
                CoordinationOperation.Create("/e", default, CreateMode.Ephemeral),
                CoordinationOperation.Set("/e", Bytes("1")),
                CoordinationOperation.Delete("/x"),
                CoordinationOperation.Create("/x", Bytes("persistent now")),
            ], s_none);
        Assert.Equal(CoordinationError.None, result.Error);
        await using EmbeddedStore again = Open(_disk.Crash());
        Assert.Equal("x=persistent now@0 ", await DumpAsync(again));
    }

    [Fact]
    public async Task Open_SnapshotOfBeforeAccessLists_IsReadAndItsNodesAreOpen()
    {
        var writer = new KafkaWriter(256);
        writer.WriteInt64(0x57484C5354524545);
        var body = new KafkaWriter(256);
        body.WriteInt64(7);   // zxid
        body.WriteInt32(0);   // epoch
        body.WriteInt32(2);
        foreach (string path in (string[])["/", "/old"])
        {
            body.WriteBytes(Bytes(path), flexible: false);
            body.WriteBytes(Bytes(path == "/" ? "" : "kept"), flexible: false);
            Array.ForEach<long>([1, 2, 3, 4, 5], body.WriteInt64);
            body.WriteInt32(path == "/" ? 0 : 6);
            body.WriteInt32(path == "/" ? 1 : 0);
        }
        writer.WriteInt32(body.Position);
        writer.WriteInt32((int)Crc32C.Compute(body.WrittenSpan));
        _disk["/c/snapshot"] = [.. writer.WrittenSpan, .. body.WrittenSpan];

        await using EmbeddedStore store = Open(_disk);

        Assert.Equal("old=kept@6 ", await DumpAsync(store));
        Assert.Null(store.AccessOf("/old"));
        Assert.Equal(5, store.CountBelow("/") + 1);
    }
}
