using System.Diagnostics;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Storage;

/// <summary>A disk that fails: what was acknowledged stays, the client is told, the operator reads one line.</summary>
public sealed class LogFaultTests
{
    private readonly FaultingDisk _disk = new();
    private readonly LogFixture _fixture;

    public LogFaultTests()
    {
        _fixture = new LogFixture(_disk, "/logs", LogFixture.NewConfig(segmentBytes: 4_000, indexIntervalBytes: 300));
        _fixture.Open();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(60)]
    [InlineData(150)]
    public void Append_DiskFullInTheMiddle_TellsTheClient_AndLosesNothing(int written)
    {
        for (int i = 0; i < 50; i++)
        {
            _fixture.Append(1, 100);
        }
        _disk.OnWrite = (path, length) => path.EndsWith(".log", StringComparison.Ordinal) ? Math.Min(written, length) : length;
        Assert.Equal(ErrorCode.KafkaStorageError, _fixture.Append(_fixture.Batch(1, 100)).Error);
        _disk.OnWrite = null;   // room again: but what the file holds is not known, so the log stays out of service
        Assert.Equal(ErrorCode.KafkaStorageError, _fixture.Append(_fixture.Batch(1, 100)).Error);
        Assert.True(_fixture.Log.IsFailed);
        Assert.Equal(50, _fixture.Log.LogEndOffset);
        Assert.StartsWith("t-0: ", Assert.Single(_fixture.Background.Failures).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_fixture.Logger.Lines, l => l.StartsWith("Error", StringComparison.Ordinal));   // it is the log manager's

        _fixture.Log.Close();
        _fixture.Disk = _disk.Crash();
        Assert.Equal(50, _fixture.Open().LogEndOffset);
        Assert.Equal(50, _fixture.Read().Count);
        Assert.Equal(50, _fixture.Append());
    }

    [Fact]
    public void Append_NoRoomForTheNextSegment_LosesNothing()
    {
        int sent = 0;
        long at = 0;
        while (_fixture.Log.Segments.Count < 3)
        {
            at = _fixture.Append(1, 100);
            sent++;
        }
        _disk.OnWrite = (path, length) => 0;
        AppendResult failed = _fixture.Append(_fixture.Batch(1, 100));
        Assert.Equal(ErrorCode.KafkaStorageError, failed.Error);
        _fixture.Background.RunAll();   // sealing what was rolled fails too, and throws nothing
        _fixture.Disk = _disk.Crash();
        Assert.Equal(at + 1, _fixture.Open().LogEndOffset);
        Assert.Equal(sent, _fixture.Read().Count);
    }

    [Fact]
    public void Flush_SyncFails_DoesNotMoveTheRecoveryPoint()
    {
        for (int i = 0; i < 10; i++)
        {
            _fixture.Append(1, 100);
        }
        _disk.OnSync = path => path.EndsWith(".log", StringComparison.Ordinal);
        _fixture.Log.FlushInBackground();
        Assert.Equal(0, _fixture.Log.RecoveryPoint);
        Assert.Single(_fixture.Background.Failures);
        Assert.Equal(ErrorCode.KafkaStorageError, _fixture.Append(_fixture.Batch(1)).Error);
    }

    [Fact]
    public void Roll_SyncFails_DoesNotMoveTheRecoveryPoint()
    {
        _disk.OnSync = _ => true;
        while (_fixture.Log.Segments.Count < 3)
        {
            _fixture.Append(1, 100);
        }
        _fixture.Background.RunAll();
        Assert.Equal(0, _fixture.Log.RecoveryPoint);
        Assert.True(_fixture.Log.IsFailed);
    }

    [Fact]
    public void Roll_SegmentsAreSyncedWithTheirIndexes_BeforeTheRecoveryPointMoves()
    {
        var synced = new List<string>();
        _disk.OnSync = path =>
        {
            synced.Add(Path.GetFileName(path));
            return false;
        };
        while (_fixture.Log.Segments.Count < 2)
        {
            _fixture.Append(1, 100);
        }
        _fixture.Background.RunAll();
        Assert.Equal(["00000000000000000000.log", "00000000000000000000.index", "00000000000000000000.timeindex"], synced);
        Assert.Equal(_fixture.Log.ActiveSegment.BaseOffset, _fixture.Log.RecoveryPoint);
    }

    [Theory]
    [InlineData("truncation")]
    [InlineData("truncation to nothing")]
    [InlineData("look-up by time")]
    [InlineData("greatest timestamp")]
    [InlineData("deletion of records")]
    public void Operation_DiskFailsUnderIt_TakesTheDirectoryOutOfService(string what)
    {
        for (int i = 0; i < 50; i++)
        {
            _fixture.Append(1, 100, epoch: i / 10);
        }
        _fixture.Background.RunAll();
        _disk.OnOperation = (operation, path) => throw new IOException($"Input/output error : {operation} {path}");
        Assert.Throws<IOException>(() =>
        {
            switch (what)
            {
                case "truncation":
                    _fixture.Log.TruncateTo(7);
                    break;
                case "truncation to nothing":
                    _fixture.Log.TruncateFullyAndStartAt(70);
                    break;
                case "look-up by time":
                    _fixture.Log.FindByTimestamp(1);
                    break;
                case "greatest timestamp":
                    _fixture.Log.FindMaxTimestamp();
                    break;
                default:
                    _fixture.Log.IncrementLogStartOffset(30, 50);
                    break;
            }
        });
        Assert.True(_fixture.Log.IsFailed);
        Assert.StartsWith("t-0: ", Assert.Single(_fixture.Background.Failures).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_fixture.Logger.Lines, l => l.StartsWith("Error", StringComparison.Ordinal));   // it is the log manager's
        Assert.Equal(ErrorCode.KafkaStorageError, _fixture.Append(_fixture.Batch(1, 100)).Error);
    }

    [Fact]
    public void WouldBlock_IndexCannotBeRead_TakesTheDirectoryOutOfService()
    {
        while (_fixture.Log.Segments.Count < 3)
        {
            _fixture.Append(1, 100);
        }
        _fixture.Background.RunAll();   // the first segments' indexes are in their files
        _disk.OnRead = (path, _) => throw new IOException($"Input/output error : {path}");

        Assert.False(_fixture.Log.WouldBlock(1, 1000, Stopwatch.GetTimestamp()));

        Assert.True(_fixture.Log.IsFailed);
        Assert.StartsWith("t-0: a read failed", Assert.Single(_fixture.Background.Failures).Message, StringComparison.Ordinal);
    }
}
