using System.Buffers.Binary;
using System.Diagnostics;
using Broker.Protocol.Records;
using Broker.Protocol.Records.Compression;

namespace Broker.Protocol.Tests.Records;

/// <summary>Bytes that no client would send, seeded: bit flips, cuts and bombs. There is never an exception, never much
/// memory, and always an end.</summary>
public class RecordFuzzTests
{
    private const int Rounds = 150;
    private const long BytesMax = 4 * 1024 * 1024;
    private static readonly BatchValidatorOptions s_options = new() { TopicPartition = "t-0", IsCompacted = true, TimestampBeforeMaxMs = 1000 };
    private static readonly RecordCodecLimits s_tight = new() { RecordBytesMax = 1024 * 1024, BatchBytesMax = 8 * 1024 * 1024 };

    public static TheoryData<string, string> Golden => GoldenBatchTests.All;

    public static TheoryData<CompressionCodec> Codecs =>
        [CompressionCodec.Gzip, CompressionCodec.Snappy, CompressionCodec.Lz4, CompressionCodec.Zstd];

    private static byte[] Mutate(byte[] original, Random random, bool header)
    {
        byte[] bytes = [.. original];
        for (int i = random.Next(1, 6); i > 0; i--)
        {
            int at = random.Next(header ? RecordBatchHeader.AttributesAt : RecordBatchHeader.Size, bytes.Length);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = 0xff;
                    break;
                case 2:
                    bytes[at] = (byte)random.Next(256);
                    break;
                default:
                    bytes.AsSpan(at, Math.Min(4, bytes.Length - at)).Fill((byte)(random.Next(2) * 0xff));
                    break;
            }
        }
        if (random.Next(4) == 0)
        {
            bytes = bytes[..random.Next(RecordBatchHeader.Size, bytes.Length + 1)];
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(RecordBatchHeader.LengthAt), bytes.Length - RecordBatchHeader.LogOverhead);
        }
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(RecordBatchHeader.CrcAt), new RecordBatchView(bytes).ComputeCrc());
        return bytes;
    }

    private static void Bounded(Action work, long bytesMax = BytesMax)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        long began = Stopwatch.GetTimestamp();
        work();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, bytesMax);
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(20), "it took too long");
    }

    [Theory]
    [MemberData(nameof(Golden))]
    public void ValidatorAndCursor_OfMutatedBatches_AnswerAndAgree(string client, string codec)
    {
        byte[] original = GoldenBatch.All.Single(g => g.Client == client && g.Codec == codec).Bytes;
        using var codecs = new RecordCodecs(s_tight);
        var random = new Random(client.Length * 31 + codec.Length);
        for (int round = 0; round < Rounds; round++)
        {
            byte[] bytes = Mutate(original, random, header: round % 3 == 0);
            Bounded(() =>
            {
                BatchRejection? rejection = BatchValidator.Validate(bytes, s_options, 1_800_000_000_000, 9, codecs, out _);
                RecordFault whole = WalkAll(bytes, codecs, structureOnly: false);
                RecordFault structure = WalkAll(bytes, codecs, structureOnly: true);
                Assert.Equal(whole == RecordFault.None, structure == RecordFault.None);
                Assert.True(whole == RecordFault.None || rejection is not null, $"a batch with {whole} was accepted");
            });
        }
    }

    private static RecordFault WalkAll(byte[] bytes, RecordCodecs codecs, bool structureOnly)
    {
        using var records = new RecordCursor(new RecordBatchView(bytes), codecs, structureOnly);
        long sum = 0;
        while (records.MoveNext())
        {
            sum += records.Offset + records.Timestamp;
            if (!structureOnly)
            {
                RecordView record = records.Current;
                sum += record.Key.Length + record.Value.Length;
                foreach (RecordHeaderCursor header in record.Headers)
                {
                    sum += header.Key.Length + header.Value.Length;
                }
            }
        }
        GC.KeepAlive(sum);
        return records.Fault;
    }

    [Fact]
    public void Validator_OfNoise_Answers()
    {
        using var codecs = new RecordCodecs(s_tight);
        var random = new Random(11);
        for (int round = 0; round < 3_000; round++)
        {
            byte[] bytes = new byte[random.Next(0, 200)];
            random.NextBytes(bytes);
            if (bytes.Length > RecordBatchHeader.PeekBytes)
            {
                bytes[RecordBatchHeader.MagicAt] = (byte)random.Next(0, 4);
                BinaryPrimitives.WriteInt32BigEndian(
                    bytes.AsSpan(RecordBatchHeader.LengthAt),
                    random.Next(3) == 0 ? random.Next(int.MinValue, int.MaxValue) : bytes.Length - RecordBatchHeader.LogOverhead);
            }
            Bounded(() => BatchValidator.Validate(bytes, s_options, 0, 9, codecs, out _));
        }
    }

    [Theory]
    [MemberData(nameof(Golden))]
    public void Decompressors_OfMutatedStreams_EndWithinTheirLimits(string client, string codec)
    {
        GoldenBatch golden = GoldenBatch.All.Single(g => g.Client == client && g.Codec == codec);
        if (golden.Compression == CompressionCodec.None)
        {
            return;
        }
        byte[] original = golden.Bytes[RecordBatchHeader.Size..];
        using var codecs = new RecordCodecs(s_tight);
        var random = new Random(3);
        for (int round = 0; round < Rounds; round++)
        {
            byte[] bytes = [.. original];
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            }
            bytes = bytes[..random.Next(bytes.Length + 1)];
            Bounded(() =>
            {
                using var output = new PooledBuffer();
                codecs.Decompress(golden.Compression, (byte)random.Next(3), bytes, output);
                Assert.True(output.Length <= s_tight.BatchBytesMax);
                using RecordDecompressor? managed = golden.Compression switch
                {
                    CompressionCodec.Gzip => new GzipManagedDecompressor(),
                    CompressionCodec.Zstd => new ZstdManagedDecompressor(),
                    _ => null,
                };
                Drain(managed, bytes);
            });
        }
        for (int cut = 0; cut < original.Length; cut++)
        {
            using var output = new PooledBuffer();
            int at = cut;
            Bounded(() => codecs.Decompress(golden.Compression, 2, original.AsSpan(0, at), output));
        }
    }

    private static void Drain(RecordDecompressor? decompressor, byte[] bytes)
    {
        if (decompressor is null)
        {
            return;
        }
        byte[] room = new byte[64 * 1024];
        int consumed = 0;
        int total = 0;
        decompressor.Begin(2);
        while (decompressor.Decompress(bytes, ref consumed, room, out int written) == DecompressionStatus.More)
        {
            total += written;
            Assert.True(total < 64 * 1024 * 1024, "there is no end to it");
        }
        decompressor.End();
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Bomb_OfZeros_EndsAtTheLimitWithoutMemory(CompressionCodec codec)
    {
        using var codecs = new RecordCodecs(s_tight);
        byte[] bomb = Compressed(codecs, codec, new byte[64 * 1024 * 1024]);
        byte[] batch = new byte[RecordBatchHeader.Size + bomb.Length];
        GoldenBatch.All[0].Bytes.AsSpan(0, RecordBatchHeader.Size).CopyTo(batch);
        bomb.CopyTo(batch, RecordBatchHeader.Size);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.LengthAt), batch.Length - RecordBatchHeader.LogOverhead);
        batch[RecordBatchHeader.AttributesAt + 1] = (byte)codec;
        Seal(batch);
        var options = new BatchValidatorOptions { TopicPartition = "t-0", MaxMessageBytes = int.MaxValue };
        Bounded(() =>
        {
            // Zeros are records of length 0, which is no record: it ends at once. As one record it ends at the limit.
            Assert.NotNull(BatchValidator.Validate(batch, options, 0, 9, codecs, out _));
            using var output = new PooledBuffer();
            Assert.Equal(RecordFault.BatchTooLarge, codecs.Decompress(codec, 2, bomb, output));
        }, bytesMax: 4 * s_tight.BatchBytesMax);

        byte[] one = new byte[32 * 1024 * 1024];
        new byte[] { 0xfe, 0xff, 0xff, 0x1f, 0, 0, 0, 1, 0xfe, 0xff, 0xff, 0x1e }.CopyTo(one, 0);   // a record that claims almost all
        byte[] record = [.. batch.AsSpan(0, RecordBatchHeader.Size), .. Compressed(codecs, codec, one)];
        BinaryPrimitives.WriteInt32BigEndian(record.AsSpan(RecordBatchHeader.LengthAt), record.Length - RecordBatchHeader.LogOverhead);
        Seal(record);
        Bounded(() =>
        {
            BatchRejection? rejection = BatchValidator.Validate(record, options, 0, 9, codecs, out _);
            Assert.NotNull(rejection);
            Assert.NotEqual(RecordFault.None, WalkAll(record, codecs, structureOnly: false));
        });
    }

    private static void Seal(byte[] batch) => BinaryPrimitives.WriteUInt32BigEndian(
        batch.AsSpan(RecordBatchHeader.CrcAt), new RecordBatchView(batch).ComputeCrc());

    private static byte[] Compressed(RecordCodecs codecs, CompressionCodec codec, byte[] content)
    {
        using var output = new PooledBuffer();
        codecs.Compress(codec, CompressionCodecs.LevelDefault(codec), content, output);
        return output.WrittenSpan.ToArray();
    }

    [Fact]
    public void Lz4_WrongHeaderChecksum_IsCorrupt_ButNotInOldMessages()
    {
        using var codecs = new RecordCodecs();
        byte[] frame = Compressed(codecs, CompressionCodec.Lz4, "hello hello hello hello hello"u8.ToArray());
        frame[6] ^= 0x5a;
        using var output = new PooledBuffer();
        Assert.Equal(RecordFault.CorruptCompression, codecs.Decompress(CompressionCodec.Lz4, 2, frame, output));
        Assert.Equal(RecordFault.None, codecs.Decompress(CompressionCodec.Lz4, 1, frame, output));
        Assert.Equal("hello hello hello hello hello", System.Text.Encoding.UTF8.GetString(output.WrittenSpan));
    }

    [Theory]
    [InlineData(0x40)]   // version 1, blocks that depend on each other
    [InlineData(0x61)]   // a dictionary
    [InlineData(0xa0)]   // another version
    public void Lz4_FlagsThatKafkaRefuses_AreUnsupported(byte flags)
    {
        using var codecs = new RecordCodecs();
        byte[] frame = Compressed(codecs, CompressionCodec.Lz4, new byte[100]);
        frame[4] = flags;
        using var output = new PooledBuffer();
        Assert.Equal(RecordFault.UnsupportedCompression, codecs.Decompress(CompressionCodec.Lz4, 2, frame, output));
    }
}
