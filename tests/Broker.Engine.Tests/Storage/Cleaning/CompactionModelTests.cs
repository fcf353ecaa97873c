using Broker.Engine.Storage;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Storage.Cleaning;

/// <summary>Seeded runs against a plain dictionary: random keys and tombstones, cleanings with maps of any size, kills at any
/// change of the disk while a cleaning is at work.</summary>
public sealed class CompactionModelTests
{
    private const int SeedsDefault = 2_000;
    private const int CrashSeedsDefault = 60;

    [Fact]
    public void Clean_AnySequenceOfRecords_AgreesWithADictionary() => ForSeeds("LOG_MODEL_SEEDS", SeedsDefault, seed => new Run(seed).Go());

    [Fact]
    public void Clean_KilledAtAnyChangeOfTheDisk_LosesNothing() =>
        ForSeeds("LOG_CRASH_SEEDS", CrashSeedsDefault, seed => new Run(seed).GoAndKill());

    [Fact]
    public void Clean_DiskFailsAtAnyChange_LosesNothing() =>
        ForSeeds("LOG_CRASH_SEEDS", CrashSeedsDefault / 4, seed =>
        {
            for (int change = 0; new Run(seed).GoAndFail(change); change++)
            {
            }
        });

    private static void ForSeeds(string name, int seedsDefault, Action<int> run)
    {
        int seeds = int.TryParse(Environment.GetEnvironmentVariable(name), out int given) ? given : seedsDefault;
        Parallel.For(0, seeds, new ParallelOptions { MaxDegreeOfParallelism = 2 }, seed =>
        {
            try
            {
                run(seed);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}: {e.Message}", e);
            }
        });
    }

    private sealed class Run
    {
        private readonly FaultingDisk _disk = new();
        private readonly Random _random;
        private readonly CompactionFixture _fixture;
        private readonly Dictionary<long, KeyedRecord> _written = [];
        private int _value;

        public Run(int seed)
        {
            _random = new Random(seed);
            _fixture = new CompactionFixture(
                _disk, segmentBytes: _random.Next(200, 1_500), deleteRetentionMs: _random.Next(0, 50), indexIntervalBytes: _random.Next(0, 300))
            {
                MapBytes = _random.Next(5, 60) * 24,
            };
        }

        public void Go()
        {
            for (int step = 0; step < 25; step++)
            {
                Append();
                if (_random.Next(4) == 0)
                {
                    _fixture.Compact();
                    Check(_fixture.Log, _fixture.FirstDirty);
                }
                if (_random.Next(4) == 0)
                {
                    _fixture.Logs.Background.RunAll();
                }
                _fixture.Logs.Time.Advance(TimeSpan.FromMilliseconds(_random.Next(0, 20)));
            }
            _fixture.Logs.CheckIndexes();
        }

        public void GoAndKill()
        {
            for (int step = 0; step < 40; step++)
            {
                Append();
            }
            var kills = new List<FaultingDisk>();
            for (int round = 0; round < 2; round++)
            {
                _disk.Changing = () => kills.Add(_disk.Crash());
                _fixture.Compact();
                _disk.Changing = null;
                _fixture.Logs.Background.RunAll();
                Append();
            }
            foreach (FaultingDisk kill in kills)
            {
                foreach (long recoveryPoint in new[] { 0L, _fixture.Log.RecoveryPoint })
                {
                    Reopen(kill.Crash(), recoveryPoint);
                }
            }
            Assert.True(kills.Count > 10, "the cleaning changed too little to be killed in");
        }

        /// <summary>Lets one change fail; false when there are not so many.</summary>
        public bool GoAndFail(int change)
        {
            for (int step = 0; step < 40; step++)
            {
                Append();
            }
            bool failed = false;
            _disk.Changing = () =>
            {
                if (change-- == 0)
                {
                    failed = true;
                    throw new IOException("injected");
                }
            };
            try
            {
                _fixture.Compact();
            }
            catch (IOException)
            {
                // as the cleaner's thread meets it
            }
            _disk.Changing = null;
            Reopen(_disk.Crash(), recoveryPoint: 0);
            return failed;
        }

        private void Reopen(FaultingDisk disk, long recoveryPoint)
        {
            var logs = new LogFixture(disk, "/logs", _fixture.Logs.Config);
            PartitionLog log = logs.Open(recoveryPoint: recoveryPoint);
            Assert.DoesNotContain(
                disk.FilesIn(logs.Directory),
                n => n.EndsWith(LogFileNames.SwapSuffix, StringComparison.Ordinal)
                    || n.EndsWith(LogFileNames.CleanedSuffix, StringComparison.Ordinal)
                    || n.EndsWith(LogFileNames.DeletedSuffix, StringComparison.Ordinal));
            Check(log, firstDirty: 0);
            log.Dispose();
        }

        private void Append()
        {
            int count = _random.Next(1, 6);
            var records = new (string?, string?)[count];
            for (int i = 0; i < count; i++)
            {
                records[i] = ($"k{_random.Next(12)}", _random.Next(5) == 0 ? null : $"v{_value++}");
            }
            var options = new RecordBatchOptions { Codec = (CompressionCodec)_random.Next(0, 5) };
            long first = _fixture.Append(options, records);
            for (int i = 0; i < count; i++)
            {
                _written[first + i] = new KeyedRecord(first + i, records[i].Item1, records[i].Item2);
            }
        }

        private void Check(PartitionLog log, long firstDirty)
        {
            List<KeyedRecord> records = CompactionFixture.Read(log);
            foreach (KeyedRecord record in records)
            {
                Assert.Equal(_written[record.Offset], record);
            }
            // A killed log ends before what was written after the kill.
            long end = log.LogEndOffset;
            Dictionary<string, string> expected =
                CompactionFixture.TableOf(_written.Values.Where(r => r.Offset < end).OrderBy(r => r.Offset));
            Assert.Equal(expected.OrderBy(e => e.Key), CompactionFixture.TableOf(records).OrderBy(e => e.Key));
            // What is clean has each key once.
            Assert.All(records.Where(r => r.Offset < firstDirty).GroupBy(r => r.Key), g => Assert.Single(g));
        }
    }
}
