using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Storage;

/// <summary>
/// The log against a list: seeded runs of appends, reads, flushes, cuts, deletions of the beginning, clean stops, kills and
/// failing writes. After every step both must agree; after a kill everything acknowledged must be there.
/// </summary>
public sealed class LogModelTests
{
    private const int SeedsDefault = 2_000;

    [Fact]
    public void Log_AnySequenceOfSteps_AgreesWithTheModel()
    {
        int seeds = int.TryParse(Environment.GetEnvironmentVariable("LOG_MODEL_SEEDS"), out int given) ? given : SeedsDefault;
        Parallel.For(0, seeds, new ParallelOptions { MaxDegreeOfParallelism = 2 }, seed =>
        {
            try
            {
                new Run(seed).Go();
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}: {e.Message}", e);
            }
        });
    }

    private sealed class Run
    {
        private readonly Random _random;
        private readonly LogFixture _fixture;
        private readonly List<(long Base, long Last)> _model = [];
        private FaultingDisk _disk = new();
        private long _end;
        private long _start;
        private long _recoveryPoint;
        private long _startCheckpoint;

        public Run(int seed)
        {
            _random = new Random(seed);
            _fixture = new LogFixture(
                _disk, "/logs", LogFixture.NewConfig(segmentBytes: _random.Next(700, 3_000), indexIntervalBytes: _random.Next(0, 400)));
            _fixture.Open();
        }

        public void Go()
        {
            for (int step = 0; step < 40; step++)
            {
                Step();
                if (_random.Next(2) == 0)
                {
                    _fixture.Background.RunAll();
                }
            }
            Check();
            _fixture.CheckIndexes();
        }

        private void Step()
        {
            switch (_random.Next(20))
            {
                case < 11:
                    Append();
                    break;
                case 11:
                    _fixture.Log.Flush();
                    break;
                case 12:
                    _recoveryPoint = _fixture.Log.RecoveryPoint;   // the checkpoint is written
                    _startCheckpoint = _fixture.Log.LogStartOffset;
                    break;
                case 13:
                    Truncate();
                    break;
                case 14:
                    DeleteBeginning();
                    break;
                case 15:
                    Stop();
                    break;
                case 16:
                    Kill(torn: false);
                    break;
                case 17:
                    Kill(torn: true);
                    break;
                case 18:
                    FailThenKill();
                    break;
                default:
                    Check();
                    break;
            }
        }

        private void Append()
        {
            int records = _random.Next(1, 5);
            Assert.Equal(_end, _fixture.Append(records, _random.Next(1, 120), _fixture.NowMs + _random.Next(1_000)));
            _model.Add((_end, _end + records - 1));
            _end += records;
        }

        private void Truncate()
        {
            if (_model.Count == 0 || _random.Next(3) > 0)
            {
                return;
            }
            int keep = _random.Next(_model.Count);
            long offset = _model[keep].Base;
            if (offset < _fixture.Log.LogStartOffset)
            {
                return;
            }
            _fixture.Log.TruncateTo(offset);
            _model.RemoveRange(keep, _model.Count - keep);
            _end = offset;
            _recoveryPoint = Math.Min(_recoveryPoint, offset);
        }

        private void DeleteBeginning()
        {
            long offset = _random.NextInt64(_start, _end + 1);
            Assert.True(_fixture.Log.IncrementLogStartOffset(offset, _end));
            _fixture.Log.DeleteOldSegments(_end);
            _start = Math.Max(_start, offset);
        }

        private void Stop()
        {
            _fixture.Background.RunAll();
            _fixture.Log.Close();
            _recoveryPoint = _fixture.Log.RecoveryPoint;
            _startCheckpoint = _fixture.Log.LogStartOffset;
            _fixture.Open(clean: true, _recoveryPoint, _startCheckpoint);
            Check();
        }

        private void Kill(bool torn)
        {
            _disk = _disk.Crash();
            if (torn)
            {
                // An append was under way: some of its bytes are there.
                string path = _fixture.File(_fixture.Log.ActiveSegment.BaseOffset, ".log");
                byte[] batch = _fixture.Batch(1, 50);
                System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(batch, _end);
                byte[] whole = _disk.Exists(path) ? _disk[path] : [];
                _disk[path] = [.. whole, .. batch.AsSpan(0, _random.Next(batch.Length))];
            }
            Reopen();
        }

        private void FailThenKill()
        {
            int allowed = _random.Next(100);
            _disk.OnWrite = (path, length) => path.EndsWith(".log", StringComparison.Ordinal) ? Math.Min(allowed, length) : length;
            AppendResult result = _fixture.Append(_fixture.Batch(2, 60));
            _disk.OnWrite = null;
            Assert.Equal(ErrorCode.KafkaStorageError, result.Error);
            Assert.Equal(_end, _fixture.Log.LogEndOffset);
            _disk = _disk.Crash();
            Reopen();
        }

        private void Reopen()
        {
            _fixture.Disk = _disk;
            _fixture.Open(clean: false, _recoveryPoint, _startCheckpoint);
            // A deletion of the beginning that no checkpoint tells of is undone as far as the files go: as in Kafka.
            _start = _fixture.Log.LogStartOffset;
            _recoveryPoint = Math.Min(_recoveryPoint, _fixture.Log.RecoveryPoint);
            Check();
        }

        private void Check()
        {
            Assert.Equal(_end, _fixture.Log.LogEndOffset);
            List<(long Base, long Last)> expected = [.. _model.Where(b => b.Last >= _start)];
            Assert.Equal(expected, _fixture.Read(_start, bytesMax: _random.Next(1, 1_000)));
        }
    }
}
