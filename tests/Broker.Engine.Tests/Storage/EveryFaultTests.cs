using Broker.Engine.Configuration;
using Broker.Engine.Storage;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Storage;

/// <summary>
/// A broker's logs through their whole life, with the n-th thing asked of the disk failing, for every n: what was acknowledged is
/// there after the next start, what was not was refused with KAFKA_STORAGE_ERROR, and the directory that failed is out of service.
/// </summary>
public sealed class EveryFaultTests
{
    private const int Rounds = 60;

    [Theory]
    [InlineData("error")]
    [InlineData("short write")]
    public void Life_AnyOperationFails_LosesNothingAcknowledged(string kind)
    {
        var whole = new Life(kind);
        whole.Go(failAt: int.MaxValue);
        Assert.True(whole.Operations > 150, $"only {whole.Operations} operations");
        Parallel.For(1, whole.Operations + 1, new ParallelOptions { MaxDegreeOfParallelism = 2 }, n =>
        {
            var life = new Life(kind);
            try
            {
                life.Go(n);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{kind} at operation {n} ({life.Failing}): {e.Message}", e);
            }
        });
    }

    private sealed class Life
    {
        private readonly string _kind;
        private readonly FaultingDisk _disk = new();
        private readonly TestBackground _background = new();
        private readonly LineLogger _logger = new();
        private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000));
        private readonly LogConfig _config = LogFixture.NewConfig(segmentBytes: 1_200, indexIntervalBytes: 200);
        private readonly Dictionary<TopicPartition, SortedDictionary<long, byte[]>> _acknowledged = [];
        private readonly Dictionary<TopicPartition, long> _synced = [];
        private readonly RecordBatchBuilder _builder = new(new RecordCodecs());
        private int _failAt;

        public Life(string kind) => _kind = kind;

        public int Operations { get; private set; }

        public string? Failing { get; private set; }

        public void Go(int failAt)
        {
            _failAt = failAt;
            _disk.OnOperation = Count;
            LogManager? manager = TryOpen(_disk);
            if (manager is not null)
            {
                Live(manager);
            }
            _disk.OnOperation = null;
            Check(_disk.Crash(), needsAll: true);
            Check(_disk.LosePower(new Random(failAt)), needsAll: false);
        }

        private void Count(string what, string path)
        {
            if (++Operations != _failAt)
            {
                return;
            }
            Failing = $"{what} {path}";
            if (_kind == "short write" && what is "write" or "replace")
            {
                _disk.OnWrite = (_, length) =>
                {
                    _disk.OnWrite = null;
                    return length / 2;
                };
                return;
            }
            throw new IOException($"Input/output error : {Failing}");
        }

        private LogManager? TryOpen(FaultingDisk disk)
        {
            var manager = new LogManager(
                new LogManagerOptions { BrokerId = 0, ClusterId = "abcdefghijklmnopqrstuv", Directories = ["/logs"], RecoveryThreads = 1 },
                disk, _ => _config, new MonotonicClock(_time), _background, new Random(1), _logger);
            _background.OnFailed = manager.TakeOffline;
            try
            {
                manager.Open();
                return manager;
            }
            catch (LogDirectoryException e)
            {
                Assert.NotNull(Failing);
                Assert.DoesNotContain('\n', e.Message);
                return null;
            }
        }

        private void Live(LogManager manager)
        {
            for (int i = 0; i < Rounds; i++)
            {
                var partition = new TopicPartition("t", i % 2);
                Attempt(() => Append(manager, partition, i / 2));
                switch (i)
                {
                    case 12:
                        Attempt(() => manager.Find(partition)?.Flush());
                        break;
                    case 16 or 40:
                        manager.CheckpointRecoveryPoints();
                        manager.CheckpointHighWatermarks(_ => 1);
                        break;
                    case 20:
                        Attempt(() => manager.Find(partition)?.IncrementLogStartOffset(7, 10));
                        Forget(partition, o => o < 7);
                        break;
                    case 21:
                        manager.CheckpointLogStartOffsets();
                        break;
                    case 30:
                        Forget(partition, o => o >= 12);
                        _synced[partition] = Math.Min(_synced.GetValueOrDefault(partition), 12);
                        Attempt(() => manager.Find(partition)?.TruncateTo(12));
                        break;
                    case 44:
                        Attempt(() => Append(manager, new TopicPartition("u", 0), 0));
                        break;
                    case 48:
                        Forget(new TopicPartition("u", 0), _ => true);
                        _synced.Remove(new TopicPartition("u", 0));
                        Attempt(() => manager.Delete(new TopicPartition("u", 0)));
                        break;
                }
                if (i % 5 == 0)
                {
                    _background.RunAll();
                }
                Note(manager);
            }
            manager.CloseCleanly(1, _ => 1);
            _background.RunAll();
            Note(manager);
            AssertToldOnce(manager);
        }

        /// <summary>What a request handler does: it answers with an error.</summary>
        private void Attempt(Action work)
        {
            try
            {
                work();
            }
            catch (IOException)
            {
                Assert.NotNull(Failing);
            }
        }

        private void Forget(TopicPartition partition, Predicate<long> which)
        {
            if (_acknowledged.TryGetValue(partition, out SortedDictionary<long, byte[]>? all))
            {
                Array.ForEach([.. all.Keys.Where(o => which(o))], o => all.Remove(o));
            }
        }

        private void Append(LogManager manager, TopicPartition partition, int number)
        {
            PartitionLog log = manager.GetOrCreate(partition, new Guid(1, 0, 0, new byte[8]));
            _builder.Begin(new RecordBatchOptions());
            _builder.Append(_time.GetUtcNow().ToUnixTimeMilliseconds() + number, (byte[]?)null, new byte[60 + number]);
            byte[] batch = _builder.Finish().ToArray();
            AppendResult result = log.AppendAsLeader(batch, 9, 1_700_000_000_000, 0);
            if (result.Error == ErrorCode.None)
            {
                Assert.False(log.IsFailed);
                if (!_acknowledged.TryGetValue(partition, out SortedDictionary<long, byte[]>? all))
                {
                    _acknowledged.Add(partition, all = []);
                }
                all[result.BaseOffset] = batch;
            }
            else
            {
                Assert.Equal(ErrorCode.KafkaStorageError, result.Error);
                Assert.NotNull(Failing);
            }
        }

        private void Note(LogManager manager)
        {
            foreach (PartitionLog log in manager.Logs)
            {
                _synced[log.Partition] = Math.Max(_synced.GetValueOrDefault(log.Partition), log.RecoveryPoint);
            }
        }

        private void AssertToldOnce(LogManager manager)
        {
            if (_background.Failures.Count > 0)
            {
                Assert.NotNull(Failing);
                Assert.False(manager.Directories[0].IsOnline);
                Assert.False(_disk.Exists("/logs/.kafka_cleanshutdown"), "a directory that failed was marked as cleanly left");
                Assert.InRange(_logger.Lines.Count(l => l.StartsWith("Error", StringComparison.Ordinal)), 0, 1);
            }
        }

        private void Check(FaultingDisk disk, bool needsAll)
        {
            LogManager? manager = TryOpen(disk);
            Assert.NotNull(manager);
            foreach ((TopicPartition partition, SortedDictionary<long, byte[]> batches) in _acknowledged)
            {
                PartitionLog? log = manager.Find(partition);
                foreach ((long offset, byte[] batch) in batches)
                {
                    if (needsAll || offset < _synced.GetValueOrDefault(partition))
                    {
                        byte[]? read = log?.Copy(offset, 1, log.LogEndOffset);
                        Assert.True(read is not null, $"offset {offset} of {partition} is lost");
                        Assert.Equal(batch, read);
                    }
                }
                Assert.Equal(ErrorCode.None, log?.AppendAsLeader(AnyBatch(), 9, 1_700_000_000_000, 0).Error ?? ErrorCode.None);
            }
            manager.Dispose();
        }

        private byte[] AnyBatch()
        {
            _builder.Begin(new RecordBatchOptions());
            _builder.Append(1, (byte[]?)null, new byte[1]);
            return _builder.Finish().ToArray();
        }
    }
}
