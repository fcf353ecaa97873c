using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Moving;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Storage;

/// <summary>A log on its way to another log directory: whatever happens there is one log, with every record.</summary>
public sealed class LogMoveTests
{
    private static readonly TopicPartition s_partition = new("t", 0);

    [Fact]
    public void Move_WhileTheLogGrows_TakesEveryRecordAlong()
    {
        var life = new Life(new FaultingDisk());
        life.Fill(40);
        byte[][] before = life.Batches();
        Assert.Equal(ErrorCode.None, life.Manager.Move(s_partition, "/b"));
        LogMove move = Assert.Single(life.Manager.Moves);
        Assert.Equal("/b", move.To.ParentDirectory);
        Assert.Matches("^t-0[.][0-9a-f]{32}-future$", Path.GetFileName(move.To.Directory));
        for (int i = 0; i < 10; i++)
        {
            life.Manager.CopyPiece(move, 500, out _);
            life.Append();
        }
        PartitionLog old = life.Log;
        life.Finish();
        Assert.Equal("/b", life.Log.ParentDirectory);
        Assert.True(old.IsClosed);
        Assert.Equal(before, life.Batches()[..before.Length]);
        Assert.Equal(50, life.Batches().Length);
        Assert.Equal((1, 0), (life.Manager.Directories[1].LogCount, life.Manager.Directories[0].LogCount));
        life.Append();
        life.Background.RunAll();
        Assert.Equal(["/a", "/b", "/b/t-0"], life.Disk.AllDirectories());
        life.CheckAfter(life.Disk.Crash(), "/b");
        Assert.Empty(life.Background.Failures);
    }

    [Fact]
    public void Move_KilledAtAnyChange_EndsWithOneLogAndEveryRecord()
    {
        int changes = 0;
        for (int killAt = 1; killAt == 1 || killAt <= changes; killAt++)
        {
            var disk = new FaultingDisk();
            var life = new Life(disk);
            life.Fill(12);
            life.Manager.CheckpointLogStartOffsets();
            FaultingDisk? left = null;
            FaultingDisk? dark = null;
            changes = 0;
            disk.Changing = () =>
            {
                if (++changes == killAt)
                {
                    left = disk.Crash();
                    dark = disk.LosePower(new Random(killAt));
                }
            };
            life.Log.Flush();
            life.Manager.Move(s_partition, "/b");
            life.Finish();
            life.Background.RunAll();
            disk.Changing = null;
            Assert.NotNull(left);
            life.CheckAfter(left, null);
            life.CheckAfter(dark!, null);
        }
        Assert.True(changes > 15, $"only {changes} changes");
    }

    [Fact]
    public void Move_AnyOperationFails_LosesNothing()
    {
        int operations = 0;
        bool failed = true;
        for (int failAt = 1; failed; failAt++)
        {
            var disk = new FaultingDisk();
            var life = new Life(disk);
            life.Fill(12);
            life.Manager.CheckpointLogStartOffsets();
            operations = 0;
            failed = false;
            disk.OnOperation = (what, path) =>
            {
                if (++operations == failAt)
                {
                    failed = true;
                    throw new IOException($"Input/output error : {what} {path}");
                }
            };
            if (life.Manager.Move(s_partition, "/b") == ErrorCode.None)
            {
                life.Finish();
            }
            life.Background.RunAll();
            disk.OnOperation = null;
            Assert.InRange(life.Background.Failures.Count, 0, 3);
            Assert.Equal(life.Background.Failures.Count > 0, life.Manager.IsAnyOffline);
            life.CheckAfter(disk.Crash(), null);
        }
        Assert.True(operations > 20, $"only {operations} operations");
    }

    [Fact]
    public void Move_ToWhereTheLogIs_GivesTheMoveUp()
    {
        var life = new Life(new FaultingDisk());
        life.Fill(12);
        Assert.Equal(ErrorCode.None, life.Manager.Move(s_partition, "/a"));
        Assert.Empty(life.Manager.Moves);
        life.Manager.Move(s_partition, "/b");
        life.Manager.CopyPiece(life.Manager.Moves.Single(), 500, out _);
        Assert.Equal(ErrorCode.None, life.Manager.Move(s_partition, "/b"));
        Assert.Single(life.Manager.Moves);
        Assert.Equal(ErrorCode.None, life.Manager.Move(s_partition, "/a"));
        Assert.Empty(life.Manager.Moves);
        life.Background.RunAll();
        Assert.Equal(["/a", "/a/t-0", "/b"], life.Disk.AllDirectories());
        Assert.Equal(ErrorCode.LogDirNotFound, life.Manager.Move(s_partition, "/c"));
        life.CheckAfter(life.Disk.Crash(), "/a");
    }

    [Fact]
    public void Move_LogIsCutMeanwhile_CutsTheCopy()
    {
        var life = new Life(new FaultingDisk());
        life.Fill(20);
        life.Manager.Move(s_partition, "/b");
        LogMove move = life.Manager.Moves.Single();
        while (life.Manager.CopyPiece(move, 1_000, out _) == MoveStep.Copied)
        {
        }
        Assert.Equal(20, move.To.LogEndOffset);
        Assert.True(life.Log.TruncateTo(8));
        Assert.Equal(8, move.To.LogEndOffset);
        life.Append();
        life.Finish();
        Assert.Equal(9, life.Batches().Length);
        Assert.Equal("/b", life.Log.ParentDirectory);
    }

    [Fact]
    public void Move_LogLosesItsEndOffsetsAndItsStart_EndsAndBeginsAlike()
    {
        var life = new Life(new FaultingDisk());
        life.Fill(20);
        life.Manager.Move(s_partition, "/b");
        LogMove move = life.Manager.Moves.Single();
        life.Manager.CopyPiece(move, 300, out _);
        Assert.True(life.Log.IncrementLogStartOffset(15, 20));
        life.Log.DeleteOldSegments(20);
        life.Finish();
        Assert.Equal((15, 20), (life.Log.LogStartOffset, life.Log.LogEndOffset));
        Assert.Equal("/b", life.Log.ParentDirectory);
    }

    [Fact]
    public void Delete_WhileTheLogMoves_LeavesNothing()
    {
        var life = new Life(new FaultingDisk());
        life.Fill(12);
        life.Manager.Move(s_partition, "/b");
        life.Manager.CopyPiece(life.Manager.Moves.Single(), 500, out _);
        life.Manager.Delete(s_partition);
        Assert.Empty(life.Manager.Moves);
        life.Background.RunAll();
        Assert.Equal(["/a", "/b"], life.Disk.AllDirectories());
    }

    [Fact]
    public void Move_OfAPartitionToCome_SaysWhereItIsMade()
    {
        var life = new Life(new FaultingDisk());
        life.Manager.Move(new TopicPartition("u", 3), "/b");
        life.Manager.GetOrCreate(new TopicPartition("v", 0), Guid.NewGuid());
        Assert.Equal("/b", life.Manager.GetOrCreate(new TopicPartition("u", 3), Guid.NewGuid()).ParentDirectory);
    }

    /// <summary>A broker's logs in two directories, one of them filled.</summary>
    private sealed class Life
    {
        private readonly LogConfig _config = LogFixture.NewConfig(segmentBytes: 1_200, indexIntervalBytes: 200);
        private readonly MonotonicClock _clock = new(new FakeTimeProvider(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000)));
        private readonly RecordBatchBuilder _builder = new(new RecordCodecs());
        private byte[][] _all = [];

        public Life(FaultingDisk disk)
        {
            Disk = disk;
            Manager = Open(disk);
        }

        public FaultingDisk Disk { get; }

        public LogManager Manager { get; private set; }

        public TestBackground Background { get; } = new();

        public PartitionLog Log => Manager.Find(s_partition)!;

        private LogManager Open(FaultingDisk disk)
        {
            var manager = new LogManager(
                new LogManagerOptions { BrokerId = 0, ClusterId = "abcdefghijklmnopqrstuv", Directories = ["/a", "/b"], RecoveryThreads = 1 },
                disk, _ => _config, _clock, Background, new Random(1), new LineLogger());
            Background.OnFailed = manager.TakeOffline;
            Background.Logs = manager;
            manager.Open();
            return manager;
        }

        public void Fill(int batches)
        {
            Manager.GetOrCreate(s_partition, new Guid(1, 0, 0, new byte[8]));
            for (int i = 0; i < batches; i++)
            {
                Append();
            }
            Background.RunAll();
        }

        public void Append()
        {
            int number = (int)Log.LogEndOffset;
            _builder.Begin(new RecordBatchOptions { ProducerId = 7, ProducerEpoch = 0, BaseSequence = number });
            _builder.Append(1_700_000_000_000 + number, (byte[]?)null, new byte[60 + (number % 7)]);
            Assert.Equal(ErrorCode.None, Log.AppendAsLeader(_builder.Finish().ToArray(), 9, 1_700_000_000_000, number / 9).Error);
            _all = Batches();
        }

        public byte[][] Batches() => Batches(Log);

        private static byte[][] Batches(PartitionLog log)
        {
            var found = new List<byte[]>();
            for (long offset = log.LogStartOffset; offset < log.LogEndOffset; offset++)
            {
                found.Add(log.Copy(offset, 1, log.LogEndOffset)!);
            }
            return [.. found];
        }

        public void Finish() => Finish(Manager);

        private static void Finish(LogManager manager)
        {
            while (manager.Moves.FirstOrDefault() is { } move)
            {
                try
                {
                    if (manager.CopyPiece(move, 400, out _) == MoveStep.CaughtUp)
                    {
                        manager.TrySwap(move);
                    }
                }
                catch (IOException)
                {
                    manager.EndMove(move);
                }
            }
        }

        /// <summary>Starts again from what a disk holds, ends the move that was under way, and looks.</summary>
        public void CheckAfter(FaultingDisk disk, string? directory)
        {
            Background.Discard();
            Manager = Open(disk);
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal(_all, Batches());
                Assert.Equal(_all.Length - 1, Log.DescribeProducers().Single().LastSequence);
                Finish();
            }
            Assert.Equal(directory ?? Log.ParentDirectory, Log.ParentDirectory);
            Manager.CloseCleanly(1, _ => 1);
            Background.RunAll();
            Assert.Equal(new[] { "/a", "/b", Log.Directory }.Order(StringComparer.Ordinal), disk.AllDirectories());
        }
    }
}
