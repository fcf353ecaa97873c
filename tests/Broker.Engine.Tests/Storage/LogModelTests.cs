using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Storage;

/// <summary>
/// The log against a list: seeded runs of appends, reads, flushes, cuts, deletions of the beginning, clean stops, kills,
/// failing writes and power failures, which lose pages and names that were not synced. After every step both must agree; after a kill
/// everything acknowledged must be there, after a power failure everything below the recovery point, and what an idempotent
/// producer sends again is known. LOG_MODEL_SEEDS=n runs more of them, LOG_MODEL_SEED=n that one.
/// </summary>
public sealed class LogModelTests
{
    private const int SeedsDefault = 10_000;

    [Fact]
    public void Log_AnySequenceOfSteps_AgreesWithTheModel()
    {
        int seeds = int.TryParse(Environment.GetEnvironmentVariable("LOG_MODEL_SEEDS"), out int given) ? given : SeedsDefault;
        bool isOne = int.TryParse(Environment.GetEnvironmentVariable("LOG_MODEL_SEED"), out int one);
        Parallel.For(isOne ? one : 0, isOne ? one + 1 : seeds, new ParallelOptions { MaxDegreeOfParallelism = 2 }, seed =>
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
        private readonly List<(long Base, int Sequence, int Records)> _sent = [];
        private long _producer = 7;
        private bool _isPointMoved;
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
            switch (_random.Next(22))
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
                case 19:
                    LosePower();
                    break;
                case 20:
                    SendAgain();
                    break;
                default:
                    Check();
                    break;
            }
        }

        private void Append()
        {
            int records = _random.Next(1, 5);
            bool isIdempotent = _random.Next(2) == 0;
            int sequence = isIdempotent ? _sent.Count == 0 ? 0 : _sent[^1].Sequence + _sent[^1].Records : -1;
            AppendResult result = _fixture.Append(_fixture.Batch(
                records, _random.Next(1, 120), _fixture.NowMs + _random.Next(1_000), producerId: isIdempotent ? _producer : -1, sequence: sequence));
            Assert.Equal((ErrorCode.None, _end, false), (result.Error, result.BaseOffset, result.IsDuplicate));
            if (isIdempotent)
            {
                _sent.Add((_end, sequence, records));
            }
            _model.Add((_end, _end + records - 1));
            _end += records;
        }

        /// <summary>An answer was lost: the producer sends its last batch again.</summary>
        private void SendAgain()
        {
            if (_sent.Count > 0 && _sent[^1].Base >= _start)
            {
                AppendResult again = _fixture.Append(_fixture.Batch(_sent[^1].Records, 20, producerId: _producer, sequence: _sent[^1].Sequence));
                Assert.Equal((ErrorCode.None, _sent[^1].Base, true), (again.Error, again.BaseOffset, again.IsDuplicate));
            }
        }

        private void LosePower()
        {
            long safe = _isPointMoved ? 0 : _fixture.Log.RecoveryPoint;
            _isPointMoved = false;
            _disk = _disk.LosePower(_random);
            _fixture.Disk = _disk;
            _fixture.Open(clean: false, _recoveryPoint, _startCheckpoint);
            long end = _fixture.Log.LogEndOffset;
            Assert.InRange(end, Math.Max(safe, _fixture.Log.LogStartOffset), _end);
            CutModel(end);
            // As with Kafka, a rolled segment whose sync had not come yet may have lost its end while a later one is whole.
            HashSet<long> left = [.. _fixture.Read(_fixture.Log.LogStartOffset).Select(b => b.Base)];
            _model.RemoveAll(b => b.Base >= safe && b.Last >= _fixture.Log.LogStartOffset && !left.Contains(b.Base));
            if (_sent.Exists(s => s.Base >= safe && !left.Contains(s.Base)))
            {
                _producer++;   // a client that cannot know what became of its batches begins anew
                _sent.Clear();
            }
            _start = _fixture.Log.LogStartOffset;
            _recoveryPoint = Math.Min(_recoveryPoint, _fixture.Log.RecoveryPoint);
            Check();
        }

        private void CutModel(long end)
        {
            _model.RemoveAll(b => b.Base >= end);
            _sent.RemoveAll(s => s.Base >= end);
            _end = end;
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
            CutModel(offset);
            _recoveryPoint = Math.Min(_recoveryPoint, offset);
        }

        private void DeleteBeginning()
        {
            long offset = _random.NextInt64(_start, _end + 1);
            // A point that moves with the log's start says nothing of what is on the disk.
            _isPointMoved |= offset > _fixture.Log.RecoveryPoint;
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
