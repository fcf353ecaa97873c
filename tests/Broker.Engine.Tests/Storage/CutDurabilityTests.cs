using System.Text;
using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Moving;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Storage;

/// <summary>A process that is killed, or a power that fails, around a cut and a flush: what is found afterwards is a log without holes,
/// and nothing is believed to be on the disk that may not be.</summary>
public sealed class CutDurabilityTests
{
    private const int Seeds = 40;
    private static readonly TopicPartition s_partition = new("t", 0);
    private static readonly Guid s_topic = new("00000000-0000-0000-0000-000000000011");
    private readonly FaultingDisk _disk = new();
    private readonly TestBackground _background = new();
    private readonly LineLogger _logger = new();
    private readonly MonotonicClock _clock = new(new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000)));
    private readonly LogConfig _config = LogFixture.NewConfig(segmentBytes: 400);

    private LogManager Open(FaultingDisk disk, params string[] directories)
    {
        var manager = new LogManager(
            new LogManagerOptions
            {
                BrokerId = 0, ClusterId = "abcdefghijklmnopqrstuv", Directories = directories.Length == 0 ? ["/logs"] : directories,
            },
            disk, _ => _config, _clock, _background, new Random(1), _logger);
        _background.Logs = manager;
        manager.Open();
        return manager;
    }

    private void Append(PartitionLog log, int batches, int epoch = 0)
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        for (int i = 0; i < batches; i++)
        {
            builder.Begin(new RecordBatchOptions());
            builder.Append(_clock.UnixMs, (byte[]?)null, new byte[60]);
            Assert.Equal(ErrorCode.None, log.AppendAsLeader(builder.Finish().ToArray(), 9, _clock.UnixMs, epoch).Error);
        }
        _background.RunAll();
    }

    private PartitionLog Filled(LogManager manager, int batches)
    {
        PartitionLog log = manager.GetOrCreate(s_partition, s_topic);
        Append(log, batches);
        return log;
    }

    /// <summary>Offsets of the batches in a log, from its start to its end.</summary>
    private static List<long> Offsets(PartitionLog log)
    {
        List<long> found = [];
        for (long at = log.LogStartOffset; at < log.LogEndOffset && log.Copy(at, 1, log.LogEndOffset) is { } bytes;)
        {
            var cursor = new BatchCursor(bytes);
            Assert.True(cursor.MoveNext() && cursor.Batch.IsCrcValid());
            found.Add(cursor.Offset);
            at = cursor.Batch.LastOffset + 1;
        }
        return found;
    }

    [Theory]
    [InlineData(7)]
    [InlineData(0)]
    public void Truncation_KilledAtAnyChange_LeavesNoHole(long cutAt)
    {
        bool killed = true;
        for (int killAt = 0; killed; killAt++)
        {
            var disk = new FaultingDisk();
            LogManager manager = Open(disk);
            PartitionLog log = Filled(manager, 20);
            Assert.True(log.Segments.Count > 4);
            log.Flush();
            manager.CheckpointRecoveryPoints();   // what was flushed is not read again
            FaultingDisk? left = null;
            int changes = 0;
            disk.Changing = () => left = changes++ == killAt ? disk.Crash() : left;

            log.TruncateTo(cutAt);
            _background.RunAll();

            killed = left is not null;
            PartitionLog found = Open(left ?? disk.Crash()).Find(s_partition)!;
            Assert.InRange(found.LogEndOffset, cutAt, 20);
            Assert.Equal(Enumerable.Range(0, (int)found.LogEndOffset).Select(o => (long)o), Offsets(found));
            _background.Discard();
        }
    }

    [Fact]
    public void Truncation_BelowWhatCheckpointsSay_CorrectsThemBeforeAnythingIsAppended()
    {
        LogManager manager = Open(_disk);
        PartitionLog log = Filled(manager, 20);
        log.Flush();
        Assert.True(log.IncrementLogStartOffset(15, 20));
        manager.CheckpointRecoveryPoints();
        manager.CheckpointLogStartOffsets();

        log.TruncateTo(7);   // an unclean election gave it a leader with less

        Assert.Equal(7, manager.Directories[0].RecoveryPoints.Read()[s_partition]);
        Assert.True(manager.Directories[0].LogStartOffsets.Read().GetValueOrDefault(s_partition) <= 7);
        Append(log, 4, epoch: 1);
        PartitionLog again = Open(_disk.Crash()).Find(s_partition)!;
        Assert.Equal((11, 7), (again.LogEndOffset, again.LogStartOffset));
        Assert.Equal([7, 8, 9, 10], Offsets(again));
    }

    [Fact]
    public void Recovery_ThatCutsBelowTheRecoveryPoint_CorrectsTheCheckpoint()
    {
        LogManager manager = Open(_disk);
        PartitionLog log = Filled(manager, 20);
        log.Flush();
        manager.CheckpointRecoveryPoints();
        string active = log.ActiveSegment.File.Path;
        long end = log.ActiveSegment.BaseOffset;
        FaultingDisk damaged = _disk.Crash();
        damaged[active] = new byte[damaged[active].Length];

        LogManager again = Open(damaged);

        Assert.Equal(end, again.Find(s_partition)!.LogEndOffset);
        Assert.Equal(end, again.Directories[0].RecoveryPoints.Read()[s_partition]);
    }

    [Fact]
    public void Recovery_ThatCutsAMovingCopyBelowItsRecoveryPoint_CorrectsTheCheckpoint()
    {
        LogManager manager = Open(_disk, "/a", "/b");
        Filled(manager, 20);
        Assert.Equal(ErrorCode.None, manager.Move(s_partition, "/b"));
        LogMove move = Assert.Single(manager.Moves);
        while (move.To.LogEndOffset < 20)
        {
            manager.CopyPiece(move, 10_000, out _);
        }
        move.To.Flush();
        manager.CheckpointRecoveryPoints();
        Assert.Equal(20, manager.Directories[1].RecoveryPoints.Read()[s_partition]);
        string active = move.To.ActiveSegment.File.Path;
        long end = move.To.ActiveSegment.BaseOffset;
        FaultingDisk damaged = _disk.Crash();
        damaged[active] = new byte[damaged[active].Length];

        LogManager again = Open(damaged, "/a", "/b");

        Assert.Equal(end, Assert.Single(again.Moves).To.LogEndOffset);
        Assert.Equal(end, again.Directories[1].RecoveryPoints.Read()[s_partition]);
    }

    [Fact]
    public void Flush_WhileTheLogIsCut_DoesNotVouchForWhatCameAfter()
    {
        LogManager manager = Open(_disk);
        PartitionLog log = Filled(manager, 3);
        bool hasCut = false;
        _disk.OnSync = path =>
        {
            if (!hasCut && path.EndsWith(".log", StringComparison.Ordinal))
            {
                hasCut = true;
                log.TruncateTo(1);
                Append(log, 1, epoch: 1);
            }
            return false;
        };

        log.Flush();

        Assert.True(hasCut);
        Assert.Equal(2, log.LogEndOffset);
        Assert.InRange(log.RecoveryPoint, 0, 1);
        log.Flush();
        Assert.Equal(2, log.RecoveryPoint);
    }

    [Fact]
    public void LogWithRecords_AfterAWhile_KnowsItsTopicThoughNothingWasFlushed()
    {
        LogManager manager = Open(_disk);
        PartitionLog log = manager.GetOrCreate(s_partition, s_topic);
        Append(log, 2);

        manager.SyncIdentities();

        Assert.Equal(0, log.RecoveryPoint);
        for (int seed = 0; seed < Seeds; seed++)
        {
            Assert.Equal(s_topic, Open(_disk.LosePower(new Random(seed))).Find(s_partition)!.TopicId);
            _background.Discard();
        }
    }

    [Fact]
    public void FlushedLog_AfterAPowerFailure_KnowsItsTopicAndItsEpochs()
    {
        LogManager manager = Open(_disk);
        PartitionLog log = manager.GetOrCreate(s_partition, s_topic);
        Append(log, 9, epoch: 3);
        Append(log, 9, epoch: 5);
        log.Flush();
        manager.CheckpointRecoveryPoints();
        EpochEntry[] epochs = [.. log.Epochs.Entries];
        Assert.Equal([new EpochEntry(3, 0), new EpochEntry(5, 9)], epochs);
        for (int seed = 0; seed < Seeds; seed++)
        {
            PartitionLog again = Open(_disk.LosePower(new Random(seed))).Find(s_partition)!;
            Assert.Equal(s_topic, again.TopicId);
            Assert.Equal(18, again.LogEndOffset);
            Assert.Equal(epochs, again.Epochs.Entries);
            _background.Discard();
        }
        Assert.DoesNotContain(_logger.Lines, l => l.Contains("damaged", StringComparison.Ordinal));
    }

    [Fact]
    public void Recovery_WithAnEpochCheckpointFromBeforeACut_BelievesTheBatches()
    {
        LogManager manager = Open(_disk);
        PartitionLog log = manager.GetOrCreate(s_partition, s_topic);
        Append(log, 8, epoch: 4);
        log.Flush();
        manager.CheckpointRecoveryPoints();
        Append(log, 4, epoch: 6);
        Append(log, 4, epoch: 8);
        EpochEntry[] epochs = [.. log.Epochs.Entries];
        FaultingDisk stale = _disk.Crash();
        // Epoch 7 was this broker's own, and was cut off; the file of that time came back with the power.
        stale["/logs/t-0/leader-epoch-checkpoint"] = Encoding.ASCII.GetBytes("0\n2\n4 0\n7 14\n");

        PartitionLog again = Open(stale).Find(s_partition)!;

        Assert.Equal([new EpochEntry(4, 0), new EpochEntry(6, 8), new EpochEntry(8, 12)], epochs);
        Assert.Equal(epochs, again.Epochs.Entries);
    }

    [Fact]
    public void Recovery_OfWhatTheCleanerHasThinnedOut_KeepsTheEpochsThatBeganThere()
    {
        LogManager manager = Open(_disk);
        PartitionLog log = manager.GetOrCreate(s_partition, s_topic);
        Append(log, 1, epoch: 4);
        Append(log, 2, epoch: 6);
        Assert.Single(log.Segments);
        FaultingDisk cleaned = _disk.Crash();
        // Epoch 6 began at offset 1, of which nothing is left.
        byte[] bytes = cleaned[log.ActiveSegment.File.Path];
        int size = bytes.Length / 3;
        cleaned[log.ActiveSegment.File.Path] = [.. bytes[..size], .. bytes[(2 * size)..]];

        PartitionLog again = Open(cleaned).Find(s_partition)!;

        Assert.Equal(3, again.LogEndOffset);
        Assert.Equal([0, 2], Offsets(again));
        Assert.Equal([new EpochEntry(4, 0), new EpochEntry(6, 1)], again.Epochs.Entries);
    }

    [Fact]
    public void CleanStop_WhoseEpochCheckpointIsLost_FindsTheEpochsInTheLog()
    {
        LogManager manager = Open(_disk);
        PartitionLog log = manager.GetOrCreate(s_partition, s_topic);
        Append(log, 8, epoch: 4);
        Append(log, 8, epoch: 6);
        EpochEntry[] epochs = [.. log.Epochs.Entries];
        manager.CloseCleanly(1, _ => null);
        _disk.Delete("/logs/t-0/leader-epoch-checkpoint");

        PartitionLog again = Open(_disk.Crash()).Find(s_partition)!;

        Assert.Equal(2, epochs.Length);
        Assert.Equal(epochs, again.Epochs.Entries);
        Assert.Equal(16, again.LogEndOffset);
    }

    [Fact]
    public async Task Truncation_WhileAMoveThatHasJustBegunCopies_CutsWhatItCopied()
    {
        LogManager manager = Open(_disk, "/a", "/b");
        PartitionLog log = Filled(manager, 20);
        byte[] read = [.. Enumerable.Range(0, 20).SelectMany(at => log.Copy(at, 1, 20)!)];   // before the cut
        using var copying = new ManualResetEventSlim();
        using var cut = new ManualResetEventSlim();
        Task copier = Task.CompletedTask;
        _disk.OnOperation = (what, path) =>
        {
            // The log is being cut, and nobody knew of a move as that began.
            if (what == "set length" && path.StartsWith("/a", StringComparison.Ordinal) && copier == Task.CompletedTask)
            {
                Assert.Equal(ErrorCode.None, manager.Move(s_partition, "/b"));
                LogMove move = Assert.Single(manager.Moves);
                copier = Task.Run(() => Copy(move, read));
                Assert.True(copying.Wait(TimeSpan.FromSeconds(20)));
            }
        };
        manager.Cut = (_, _) => cut.Set();

        log.TruncateTo(7);

        await copier;
        LogMove begun = Assert.Single(manager.Moves);
        Assert.InRange(begun.To.LogEndOffset, 0, 7);

        void Copy(LogMove move, byte[] records)
        {
            lock (move.Lock)
            {
                copying.Set();
                Assert.True(cut.Wait(TimeSpan.FromSeconds(20)));
                Thread.Sleep(50);   // the cut of the copy waits for the move's lock, which nothing tells of
                move.To.AppendCopied(records, _clock.UnixMs);
            }
        }
    }
}
