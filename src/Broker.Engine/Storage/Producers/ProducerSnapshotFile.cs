using System.Buffers.Binary;
using Broker.Protocol.Wire;

namespace Broker.Engine.Storage.Producers;

/// <summary>
/// The file that says what was known of a partition's producers at the offset in its name, <c>00000000000000000042.snapshot</c>
/// (Kafka ProducerSnapshot, version 1), big-endian:
/// <code>
///  0 version i16 = 1    2 crc u32 (CRC-32C of everything after it)    6 count i32    10 entries of 46 bytes:
///  0 producerId i64     8 epoch i16          10 lastSequence i32   14 lastOffset i64   22 offsetDelta i32
/// 26 timestamp i64     34 coordinatorEpoch i32   38 currentTransactionFirstOffset i64 (-1: none)
/// </code>
/// Of a producer's batches only the last one is kept. Stateless; thread-safe.
/// </summary>
internal static class ProducerSnapshotFile
{
    public const short Version = 1;
    private const int CrcAt = 2;
    private const int CountAt = CrcAt + sizeof(uint);
    private const int EntriesAt = CountAt + sizeof(int);
    private const int EntryBytes = 46;

    public static string PathOf(string directory, long offset) =>
        LogFileNames.Segment(directory, offset, LogFileNames.SnapshotSuffix);

    public static byte[] Format(IReadOnlyCollection<ProducerEntry> entries)
    {
        byte[] bytes = new byte[EntriesAt + (entries.Count * EntryBytes)];
        BinaryPrimitives.WriteInt16BigEndian(bytes, Version);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(CountAt), entries.Count);
        int at = EntriesAt;
        foreach (ProducerEntry entry in entries)
        {
            Span<byte> slot = bytes.AsSpan(at, EntryBytes);
            BinaryPrimitives.WriteInt64BigEndian(slot, entry.ProducerId);
            BinaryPrimitives.WriteInt16BigEndian(slot[8..], entry.Epoch);
            BinaryPrimitives.WriteInt32BigEndian(slot[10..], entry.LastSequenceNumber);
            BinaryPrimitives.WriteInt64BigEndian(slot[14..], entry.LastOffset);
            BinaryPrimitives.WriteInt32BigEndian(slot[22..], entry.IsEmpty ? 0 : entry.Last.OffsetDelta);
            BinaryPrimitives.WriteInt64BigEndian(slot[26..], entry.LastTimestampMs);
            BinaryPrimitives.WriteInt32BigEndian(slot[34..], entry.CoordinatorEpoch);
            BinaryPrimitives.WriteInt64BigEndian(slot[38..], entry.CurrentTransactionFirstOffset);
            at += EntryBytes;
        }
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(CrcAt), Crc32C.Compute(bytes.AsSpan(CountAt)));
        return bytes;
    }

    /// <summary>Reads what <see cref="Format"/> wrote; false when the bytes are no such file, or a damaged one.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out ProducerEntry[] entries)
    {
        entries = [];
        if (bytes.Length < EntriesAt || BinaryPrimitives.ReadInt16BigEndian(bytes) != Version
            || BinaryPrimitives.ReadUInt32BigEndian(bytes[CrcAt..]) != Crc32C.Compute(bytes[CountAt..]))
        {
            return false;
        }
        int count = BinaryPrimitives.ReadInt32BigEndian(bytes[CountAt..]);
        if (count < 0 || count > (bytes.Length - EntriesAt) / EntryBytes)
        {
            return false;
        }
        var read = new ProducerEntry[count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> slot = bytes.Slice(EntriesAt + (i * EntryBytes), EntryBytes);
            read[i] = ReadEntry(slot);
        }
        entries = read;
        return true;
    }

    private static ProducerEntry ReadEntry(ReadOnlySpan<byte> slot)
    {
        var entry = new ProducerEntry(BinaryPrimitives.ReadInt64BigEndian(slot)) { IsOfSnapshot = true };
        entry.MaybeUpdateEpoch(BinaryPrimitives.ReadInt16BigEndian(slot[8..]));
        int lastSequence = BinaryPrimitives.ReadInt32BigEndian(slot[10..]);
        long lastOffset = BinaryPrimitives.ReadInt64BigEndian(slot[14..]);
        int offsetDelta = BinaryPrimitives.ReadInt32BigEndian(slot[22..]);
        long timestamp = BinaryPrimitives.ReadInt64BigEndian(slot[26..]);
        if (lastOffset >= 0)
        {
            entry.Add(new BatchMetadata(lastSequence, lastOffset, Math.Max(0, offsetDelta), timestamp));
        }
        entry.LastTimestampMs = timestamp;
        entry.CoordinatorEpoch = BinaryPrimitives.ReadInt32BigEndian(slot[34..]);
        entry.CurrentTransactionFirstOffset = BinaryPrimitives.ReadInt64BigEndian(slot[38..]);
        return entry;
    }

    /// <summary>The offsets of the snapshots in a directory, rising.</summary>
    public static List<long> List(IReadOnlyList<string> files)
    {
        List<long> found = [];
        foreach (string name in files)
        {
            if (LogFileNames.TryParseOffset(name, LogFileNames.SnapshotSuffix, out long offset))
            {
                found.Add(offset);
            }
        }
        found.Sort();
        return found;
    }
}
