using System.Text;
using Broker.Engine.Storage;
using Broker.Engine.Storage.Checkpoints;
using Broker.Engine.Storage.Index;
using Broker.Engine.Storage.Producers;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Storage;

/// <summary>Files and batches with bytes changed, cut, doubled and made up: every reader says no, or reads something, and never
/// fails otherwise. FUZZ_INPUTS=n is how many inputs each gets, FUZZ_SEED=n where to begin.</summary>
public sealed class FileFuzzTests
{
    private const int InputsDefault = 20_000;

    private static void Fuzz(byte[][] corpus, Action<byte[]> read)
    {
        int inputs = int.TryParse(Environment.GetEnvironmentVariable("FUZZ_INPUTS"), out int given) ? given : InputsDefault;
        int seed = int.TryParse(Environment.GetEnvironmentVariable("FUZZ_SEED"), out int first) ? first : 0;
        for (int i = 0; i < inputs; i++)
        {
            byte[] input = Mutate(corpus, new Random(seed + i));
            try
            {
                read(input);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"FUZZ_SEED={seed + i}: {Convert.ToHexString(input)}: {e.Message}", e);
            }
        }
    }

    private static byte[] Mutate(byte[][] corpus, Random random)
    {
        byte[] input = [.. corpus[random.Next(corpus.Length)]];
        for (int times = random.Next(1, 5); times > 0 && input.Length > 0; times--)
        {
            int at = random.Next(input.Length);
            switch (random.Next(6))
            {
                case 0:
                    input[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    input[at] = (byte)random.Next(256);
                    break;
                case 2:
                    input = input[..at];
                    break;
                case 3:
                    input = [.. input[..at], .. input[random.Next(at, input.Length)..]];
                    break;
                case 4:
                    input = [.. input, .. input.AsSpan(at)];
                    break;
                default:
                    random.NextBytes(input.AsSpan(at, Math.Min(input.Length - at, random.Next(1, 9))));
                    break;
            }
        }
        return input;
    }

    [Fact]
    public void Snapshot_AnyBytes_IsReadOrRefused()
    {
        var entry = new ProducerEntry(7);
        entry.MaybeUpdateEpoch(1);
        entry.Add(new BatchMetadata(9, 100, 4, 1_000));
        byte[] good = ProducerSnapshotFile.Format([entry, new ProducerEntry(8)]);
        Fuzz([good, ProducerSnapshotFile.Format([])], input =>
        {
            // The checksum made right again lets the rest of the parser see the damage.
            if (input.Length >= 10 && input[^1] % 2 == 0)
            {
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(
                    input.AsSpan(2), Protocol.Wire.Crc32C.Compute(input.AsSpan(6)));
            }
            if (ProducerSnapshotFile.TryParse(input, out ProducerEntry[] entries))
            {
                _ = ProducerSnapshotFile.Format(entries);
            }
        });
    }

    [Fact]
    public void TransactionIndex_AnyBytes_IsReadAsFarAsItGoes()
    {
        var disk = new FaultingDisk();
        var index = new TransactionIndex(disk, "/t-0", 100);
        index.Append(new AbortedTransaction(7, 100, 120, 105));
        index.Append(new AbortedTransaction(8, 90, 130, 131));
        Fuzz([disk[index.Path]], input =>
        {
            AbortedTransaction[] entries = TransactionIndex.Parse(input, 100);
            Assert.True(entries.Length <= input.Length / TransactionIndex.EntryBytes);
        });
    }

    [Fact]
    public void Checkpoints_AnyBytes_AreReadOrRefused()
    {
        byte[][] corpus = [.. new[]
        {
            "0\n2\nt 0 100\nu 1 -5\n", "0\n1\nt 0 0 4000 100\n", "0\n2\n0 0\n3 100\n", "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAIg",
            "version=1\nnode.id=1\ncluster.id=abc\ndirectory.id=AAAAAAAAAAAAAAAAAAAAIg\n", "version=0\nbroker.id=1\n",
        }.Select(Encoding.UTF8.GetBytes)];
        var disk = new FaultingDisk();
        var checkpoint = new OffsetCheckpoint(disk, "/f");
        Fuzz(corpus, input =>
        {
            disk["/f"] = input;
            disk["/t/leader-epoch-checkpoint"] = input;
            disk["/t/partition.metadata"] = input;
            disk["/t/meta.properties"] = input;
            Refusable(() => checkpoint.Read());
            Refusable(() => PartitionMetadataFile.Read(disk, "/t"));
            Refusable(() => MetaProperties.Read(disk, "/t"));
            _ = LogEndCheckpoint.Parse(input);
            _ = LeaderEpochCache.Load(disk, "/t", out _);
        });
    }

    private static void Refusable(Action read)
    {
        try
        {
            read();
        }
        catch (InvalidDataException e)
        {
            Assert.DoesNotContain('\n', e.Message.Replace("\r", "", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(".index")]
    [InlineData(".timeindex")]
    [InlineData(".snapshot")]
    [InlineData(".log")]
    public void Load_AnyBytesInAFile_OpensAndReads(string suffix)
    {
        var made = new FaultingDisk();
        var fixture = new LogFixture(made, "/logs", LogFixture.NewConfig(segmentBytes: 1_000, indexIntervalBytes: 100));
        fixture.Open();
        for (int i = 0; i < 20; i++)
        {
            fixture.Append(fixture.Batch(1, 60, fixture.NowMs + i, producerId: 7, sequence: i));
        }
        fixture.Background.RunAll();
        fixture.Log.Close();
        string path = made.FilesIn(fixture.Directory).Where(f => f.EndsWith(suffix, StringComparison.Ordinal)).Order().ElementAt(1);
        path = Path.Combine(fixture.Directory, path);
        int turn = 0;
        Fuzz([made[path]], input =>
        {
            if (turn++ % 20 != 0)
            {
                return;   // a start takes longer than a parser
            }
            FaultingDisk disk = made.Crash();
            disk[path] = input;
            fixture.Disk = disk;
            fixture.Open(clean: turn % 40 == 1, recoveryPoint: turn % 60 == 1 ? 20 : 0);
            if (suffix != ".log")
            {
                Assert.Equal(20, fixture.Log.LogEndOffset);
                Assert.Equal(20, fixture.Read().Count);
            }
            _ = fixture.Log.FindByTimestamp(fixture.NowMs + 5);
        });
    }

    [Fact]
    public void BatchValidator_AnyBytes_IsTakenOrRefused()
    {
        var fixture = new LogFixture(new FaultingDisk(), "/logs");
        var codecs = new RecordCodecs();
        byte[][] corpus =
        [
            fixture.Batch(3, 20), fixture.Batch(3, 20, producerId: 7, sequence: 5), fixture.Batch(30, 20, codec: CompressionCodec.Gzip),
            fixture.Batch(30, 20, codec: CompressionCodec.Snappy), fixture.Batch(30, 20, codec: CompressionCodec.Lz4),
        ];
        var options = new BatchValidation(LogFixture.Partition, fixture.Config).Options;
        Fuzz(corpus, input =>
        {
            if (input.Length > RecordBatchHeader.Size && input[^1] % 4 != 0)
            {
                System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(
                    input.AsSpan(RecordBatchHeader.CrcAt), new RecordBatchView(input).ComputeCrc());
            }
            BatchRejection? rejection = BatchValidator.Validate(input, options, fixture.NowMs, 9, codecs, out ValidatedBatch facts);
            Assert.True(rejection is not null || facts.SizeInBytes <= input.Length);
        });
    }
}
