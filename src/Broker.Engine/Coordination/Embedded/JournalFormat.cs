using System.Buffers.Binary;
using System.Text;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.Embedded;

/// <summary>
/// The bytes of the journal and the snapshot. A journal is a run of entries: length (4), CRC-32C of what follows (4), zxid
/// (8), time (8), count of changes (4), changes. A change is its kind (1), path and data, with an access list after those that
/// give one. A snapshot is a magic (8), then one entry of the same frame that holds zxid, epoch and all persistent nodes; from
/// before there were access lists there are snapshots with another magic, whose nodes end earlier. All numbers big-endian.
/// Ephemeral nodes and sessions are not stored: they end with the host. Stateless.
/// </summary>
internal static class JournalFormat
{
    private const int FrameBytes = 8;
    private const long SnapshotMagic = 0x57484C5354524532;   // "WHLSTRE2"
    private const long OpenSnapshotMagic = 0x57484C5354524545;   // "WHLSTREE", without access lists
    private const int AccessBytesMin = 3 * sizeof(int);

    /// <summary>Appends a transaction's stored changes.</summary>
    public static void WriteTransaction(KafkaWriter writer, Transaction transaction)
    {
        int frame = BeginFrame(writer);
        writer.WriteInt64(transaction.Zxid);
        writer.WriteInt64(transaction.TimeMs);
        int countAt = writer.ReserveInt32();
        int count = 0;
        foreach (Change change in transaction.Changes)
        {
            if (!IsStored(change))
            {
                continue;
            }
            count++;
            WriteChange(writer, change);
        }
        writer.PatchInt32(countAt, count);
        EndFrame(writer, frame);
    }

    private static void WriteChange(KafkaWriter writer, in Change change)
    {
        bool isPlain = change is { Access: null, IsContainer: false };
        ChangeKind kind = change.Kind == ChangeKind.Create && !isPlain ? ChangeKind.CreateWith : change.Kind;
        writer.WriteInt8((sbyte)kind);
        writer.WriteBytes(Encoding.UTF8.GetBytes(change.Path), flexible: false);
        WriteData(writer, change.Data);
        if (kind is ChangeKind.CreateWith or ChangeKind.SetAccess)
        {
            writer.WriteInt8(change.IsContainer ? (sbyte)1 : (sbyte)0);
            WriteAccess(writer, change.Access);
        }
    }

    private static Change ReadChange(ref KafkaReader reader)
    {
        var kind = (ChangeKind)reader.ReadInt8();
        string path = ReadText(ref reader, "path");
        ReadOnlyMemory<byte> data = ReadData(ref reader);
        if (kind is not (ChangeKind.CreateWith or ChangeKind.SetAccess))
        {
            return new Change(kind, path, data, 0);
        }
        bool isContainer = reader.ReadInt8() != 0;
        return new Change(kind == ChangeKind.CreateWith ? ChangeKind.Create : kind, path, data, 0)
        {
            IsContainer = isContainer,
            Access = ReadAccess(ref reader),
        };
    }

    /// <summary>Most nodes without bytes have no data, which is stored as bytes of length 0; data of length 0 is stored as none.</summary>
    private static void WriteData(KafkaWriter writer, ReadOnlyMemory<byte> data) =>
        writer.WriteBytes(data.IsEmpty && !data.Equals(default) ? (ReadOnlyMemory<byte>?)null : data, flexible: false);

    private static ReadOnlyMemory<byte> ReadData(ref KafkaReader reader) =>
        reader.ReadNullableBytes(flexible: false) is not { } data ? Array.Empty<byte>() : data.IsEmpty ? default : data.ToArray();

    private static void WriteAccess(KafkaWriter writer, AccessEntry[]? access)
    {
        writer.WriteInt32(access?.Length ?? -1);
        foreach (AccessEntry entry in access ?? [])
        {
            writer.WriteInt32(entry.Permissions);
            writer.WriteBytes(Encoding.UTF8.GetBytes(entry.Scheme), flexible: false);
            writer.WriteBytes(Encoding.UTF8.GetBytes(entry.Id), flexible: false);
        }
    }

    private static AccessEntry[]? ReadAccess(ref KafkaReader reader)
    {
        int count = reader.ReadInt32();
        if (count < 0)
        {
            return null;
        }
        var access = new AccessEntry[Math.Min(count, reader.Remaining / AccessBytesMin)];
        for (int i = 0; i < access.Length; i++)
        {
            access[i] = new AccessEntry(reader.ReadInt32(), ReadText(ref reader, "scheme"), ReadText(ref reader, "id"));
        }
        return access;
    }

    private static string ReadText(ref KafkaReader reader, string what) =>
        Encoding.UTF8.GetString(reader.ReadBytes(flexible: false, what).Span);

    /// <summary>Whether a change outlives the host: a persistent node's.</summary>
    public static bool IsStored(in Change change) => change.SessionId == 0
        && change.Kind is ChangeKind.Create or ChangeKind.Set or ChangeKind.Delete or ChangeKind.SetAccess;

    /// <summary>Reads the transactions of a journal up to the one that is torn: only the last can be, which was never
    /// answered.</summary>
    /// <returns>Bytes that were good.</returns>
    /// <exception cref="CoordinationStoreException">Whole transactions follow a damaged one.</exception>
    /// <param name="bytes">The journal.</param>
    /// <param name="zxid">The snapshot's transaction, which it goes on from.</param>
    /// <param name="replay">Gets the transactions.</param>
    public static int ReadJournal(ArraySegment<byte> bytes, long zxid, Action<Transaction> replay)
    {
        int at = 0;
        while (TryReadFrame(bytes[at..], out ArraySegment<byte> body))
        {
            var reader = new KafkaReader(body.Array!, body.Offset, body.Count);
            zxid = reader.ReadInt64();
            long time = reader.ReadInt64();
            var changes = new List<Change>();
            for (int i = reader.ReadInt32(); i > 0; i--)
            {
                changes.Add(ReadChange(ref reader));
            }
            replay(new Transaction(zxid, time, changes));
            at += FrameBytes + body.Count;
        }
        if (NextFrame(bytes, at + 1, zxid) is >= 0 and int next)
        {
            throw new CoordinationStoreException(
                $"the cluster's journal is damaged at byte {at} and goes on at byte {next}: put a copy of it back, " +
                $"or cut it to {at} bytes to go on without what came after");
        }
        return at;
    }

    /// <summary>Where a whole transaction later than <paramref name="zxid"/> begins, or -1.</summary>
    private static int NextFrame(ArraySegment<byte> bytes, int from, long zxid)
    {
        for (int at = from; at <= bytes.Count - FrameBytes - sizeof(long); at++)
        {
            long found = BinaryPrimitives.ReadInt64BigEndian(bytes[(at + FrameBytes)..]);
            // The checksum is computed only where the number is a later one of the same opening.
            if (found > zxid && found >> 32 == zxid >> 32 && TryReadFrame(bytes[at..], out _))
            {
                return at;
            }
        }
        return -1;
    }

    public static void WriteSnapshot(KafkaWriter writer, NodeTree tree, int epoch)
    {
        writer.WriteInt64(SnapshotMagic);
        int frame = BeginFrame(writer);
        writer.WriteInt64(tree.Zxid);
        writer.WriteInt32(epoch);
        List<Node> nodes = [.. tree.Nodes.Where(n => n.EphemeralOwner == 0).OrderBy(n => n.Path, StringComparer.Ordinal)];
        writer.WriteInt32(nodes.Count);
        foreach (Node node in nodes)
        {
            writer.WriteBytes(Encoding.UTF8.GetBytes(node.Path), flexible: false);
            WriteData(writer, node.Data);
            writer.WriteInt64(node.Czxid);
            writer.WriteInt64(node.Mzxid);
            writer.WriteInt64(node.Pzxid);
            writer.WriteInt64(node.CtimeMs);
            writer.WriteInt64(node.MtimeMs);
            writer.WriteInt32(node.Version);
            writer.WriteInt32(node.ChildrenCreated);
            writer.WriteInt32(node.AccessVersion);
            writer.WriteInt8(node.IsContainer ? (sbyte)1 : (sbyte)0);
            WriteAccess(writer, node.Access);
        }
        EndFrame(writer, frame);
    }

    /// <returns>The epoch of the store that wrote it.</returns>
    /// <exception cref="CoordinationStoreException">It is damaged.</exception>
    public static int ReadSnapshot(ArraySegment<byte> bytes, NodeTree tree)
    {
        long magic = bytes.Count < sizeof(long) ? 0 : BinaryPrimitives.ReadInt64BigEndian(bytes);
        if (magic is not (SnapshotMagic or OpenSnapshotMagic) || !TryReadFrame(bytes[sizeof(long)..], out ArraySegment<byte> body))
        {
            throw new CoordinationStoreException("the snapshot of the cluster's state is damaged");
        }
        var reader = new KafkaReader(body.Array!, body.Offset, body.Count);
        tree.Advance(reader.ReadInt64());
        int epoch = reader.ReadInt32();
        for (int i = reader.ReadInt32(); i > 0; i--)
        {
            bool isOpen = magic == OpenSnapshotMagic;
            tree.Restore(new Node
            {
                Path = ReadText(ref reader, "path"),
                Data = ReadData(ref reader),
                Czxid = reader.ReadInt64(),
                Mzxid = reader.ReadInt64(),
                Pzxid = reader.ReadInt64(),
                CtimeMs = reader.ReadInt64(),
                MtimeMs = reader.ReadInt64(),
                Version = reader.ReadInt32(),
                ChildrenCreated = reader.ReadInt32(),
                AccessVersion = isOpen ? 0 : reader.ReadInt32(),
                IsContainer = !isOpen && reader.ReadInt8() != 0,
                Access = isOpen ? null : ReadAccess(ref reader),
            });
        }
        return epoch;
    }

    private static int BeginFrame(KafkaWriter writer)
    {
        int at = writer.ReserveInt32();
        writer.ReserveInt32();
        return at;
    }

    private static void EndFrame(KafkaWriter writer, int at)
    {
        ReadOnlySpan<byte> body = writer.WrittenSpan[(at + FrameBytes)..];
        writer.PatchInt32(at + 4, (int)Crc32C.Compute(body));
        writer.PatchInt32(at, body.Length);
    }

    private static bool TryReadFrame(ArraySegment<byte> bytes, out ArraySegment<byte> body)
    {
        body = default;
        if (bytes.Count < FrameBytes)
        {
            return false;
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(bytes);
        if (length <= 0 || length > bytes.Count - FrameBytes)
        {
            return false;
        }
        body = bytes.Slice(FrameBytes, length);
        return Crc32C.Compute(body) == BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
    }
}
