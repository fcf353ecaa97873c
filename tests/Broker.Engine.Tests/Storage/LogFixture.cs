using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Files;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Storage;

/// <summary>One log on a disk of the test's choice: appends, reads back, is killed and opened again. Background work runs at
/// once, or when the test says so.</summary>
internal sealed class LogFixture
{
    public static readonly TopicPartition Partition = new("t", 0);
    private readonly RecordBatchBuilder _builder = new(new RecordCodecs());

    public LogFixture(Disk disk, string directory, LogConfig? config = null)
    {
        Disk = disk;
        Directory = Path.Combine(directory, "t-0");
        Config = config ?? NewConfig();
        Clock = new MonotonicClock(Time);
        disk.MakeDirectory(Directory);
    }

    public Disk Disk { get; set; }

    public string Directory { get; }

    public LogConfig Config { get; set; }

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000));

    public MonotonicClock Clock { get; }

    public TestBackground Background { get; } = new();

    public LineLogger Logger { get; } = new();

    public PartitionLog Log { get; private set; } = null!;

    public long NowMs => Clock.UnixMs;

    public static LogConfig NewConfig(int segmentBytes = 1 << 30, int indexIntervalBytes = 4096) =>
        new(new BrokerConfig(new Dictionary<string, string>()), new Dictionary<string, string>())
        {
            SegmentBytes = segmentBytes,
            IndexIntervalBytes = indexIntervalBytes,
        };

    public PartitionLog Open(bool clean = false, long recoveryPoint = 0, long logStartOffset = 0, long cleanedTo = 0)
    {
        LoadedLog loaded = new LogLoader(Disk, Logger, NowMs) { CleanedTo = cleanedTo }.Load(
            Partition, Directory, Config, logStartOffset, recoveryPoint, clean, Guid.Empty);
        return Log = new PartitionLog(Partition, Directory, Disk, Config, Clock, Background, Logger, loaded);
    }

    /// <summary>A batch of records whose values tell their number.</summary>
    public byte[] Batch(int records, int valueBytes = 20, long? timestampMs = null, CompressionCodec codec = CompressionCodec.None,
        long producerId = -1, int sequence = -1, short epoch = 0, bool isTransactional = false)
    {
        _builder.Begin(new RecordBatchOptions
        {
            Codec = codec, ProducerId = producerId, ProducerEpoch = producerId < 0 ? (short)-1 : epoch, BaseSequence = sequence,
            IsTransactional = isTransactional,
        });
        for (int i = 0; i < records; i++)
        {
            byte[] value = new byte[valueBytes];
            value[0] = (byte)i;
            _builder.Append(timestampMs ?? NowMs, (byte[]?)null, value);
        }
        return _builder.Finish().ToArray();
    }

    /// <summary>Appends the marker of a transaction's end.</summary>
    public AppendResult End(long producerId, ControlRecordType type, short epoch = 0) => Log.AppendFromCoordinator(
        ControlRecord.BuildMarker(
            _builder, type, coordinatorEpoch: 3, NowMs, new RecordBatchOptions { ProducerId = producerId, ProducerEpoch = epoch }).ToArray(),
        NowMs, leaderEpoch: 0);

    public AppendResult Append(byte[] batch, int epoch = 0) => Log.AppendAsLeader(batch, 9, NowMs, epoch);

    public long Append(int records = 1, int valueBytes = 20, long? timestampMs = null, int epoch = 0)
    {
        AppendResult result = Append(Batch(records, valueBytes, timestampMs), epoch);
        Assert.Equal(ErrorCode.None, result.Error);
        return result.BaseOffset;
    }

    /// <summary>Base and last offset of every batch from an offset on, as a consumer reads them; CRCs are checked.</summary>
    public List<(long Base, long Last)> Read(long offset = 0, int bytesMax = 1 << 20)
    {
        var found = new List<(long, long)>();
        while (offset < Log.LogEndOffset && Log.Copy(offset, bytesMax, Log.LogEndOffset) is { } bytes)
        {
            long before = offset;
            var cursor = new BatchCursor(bytes);
            while (cursor.MoveNext())
            {
                Assert.True(cursor.Batch.IsCrcValid());
                if (cursor.Batch.LastOffset >= offset)
                {
                    found.Add((cursor.Offset, cursor.Batch.LastOffset));
                    offset = cursor.Batch.LastOffset + 1;
                }
            }
            Assert.True(offset > before, "a read made no progress");
        }
        return found;
    }

    public string File(long baseOffset, string suffix) => LogFileNames.Segment(Directory, baseOffset, suffix);

    /// <summary>What Kafka's dump tool checks: every index entry names the last offset of the batch at its position, both rise,
    /// and no more than an interval and a batch lie between two.</summary>
    public void CheckIndexes()
    {
        foreach (LogSegment segment in Log.Segments)
        {
            int position = 0;
            for (int i = 0; i < segment.OffsetIndex.Count; i++)
            {
                (long offset, int at) = segment.OffsetIndex.Entry(i);
                var cursor = new HeaderCursor(segment.File, at, segment.SizeBytes);
                Assert.True(cursor.MoveNext());
                Assert.Equal(offset, cursor.LastOffset);
                Assert.True(at - position > Config.IndexIntervalBytes, "index entries are too close");
                position = at;
            }
            (long Timestamp, long Offset) last = (-1, -1);
            for (int i = 0; i < segment.TimeIndex.Count; i++)
            {
                (long Timestamp, long Offset) entry = segment.TimeIndex.Entry(i);
                Assert.True(entry.Timestamp > last.Timestamp && entry.Offset > last.Offset, "time entries do not rise");
                last = entry;
            }
        }
    }
}

/// <summary>Runs background work at once, or keeps it until <see cref="RunAll"/>.</summary>
internal sealed class TestBackground : LogBackground
{
    private readonly Queue<Action> _kept = new();

    public bool IsHeld { get; set; }

    public List<IOException> Failures { get; } = [];

    public override void Run(Action work)
    {
        // Always after the call that asks: in the broker another thread does it.
        _kept.Enqueue(work);
    }

    public override void RunLater(Action work, long delayMs) => _kept.Enqueue(work);

    /// <summary>Called on a failure, as the broker's own background takes the directory out of service.</summary>
    public Action<string, IOException>? OnFailed { get; set; }

    /// <summary>The logs that this is the background of, where a test has a manager.</summary>
    public LogManager? Logs { get; set; }

    public override IDisposable? BeginCut(PartitionLog log) => Logs?.BeginCut(log);

    public override void WasCut(PartitionLog log, long offset) => Logs?.WasCut(log, offset);

    /// <summary>Forgets the work kept: the process was killed.</summary>
    public void Discard() => _kept.Clear();

    public override void Failed(string logDirectory, IOException error)
    {
        Failures.Add(error);
        OnFailed?.Invoke(logDirectory, error);
    }

    public void RunAll()
    {
        while (!IsHeld && _kept.TryDequeue(out Action? work))
        {
            work();
        }
    }
}

/// <summary>Keeps what was logged.</summary>
internal sealed class LineLogger : ILogger
{
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            _lines.Add($"{logLevel} {eventId.Id} {formatter(state, exception)}");
        }
    }
}
