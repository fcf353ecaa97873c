using System.Buffers.Binary;
using System.Text;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.Embedded;

/// <summary>
/// The bytes of the journal and the snapshot. A journal is a run of entries: length (4), CRC-32C of what follows (4), zxid
/// (8), time (8), count of changes (4), changes. A snapshot is a magic (8), then one entry of the same frame that holds zxid,
/// epoch and all persistent nodes. All numbers big-endian. Ephemeral nodes and sessions are not stored: they end with the
/// host. Stateless.
/// </summary>
internal static class JournalFormat
{
    private const int FrameBytes = 8;
    private const long SnapshotMagic = 0x57484C5354524545;   // "WHLSTREE"

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
            writer.WriteInt8((sbyte)change.Kind);
            writer.WriteBytes(Encoding.UTF8.GetBytes(change.Path), flexible: false);
            writer.WriteBytes(change.Data, flexible: false);
        }
        writer.PatchInt32(countAt, count);
        EndFrame(writer, frame);
    }

    /// <summary>Whether a change outlives the host: a persistent node's.</summary>
    public static bool IsStored(in Change change) => change.SessionId == 0
        && change.Kind is ChangeKind.Create or ChangeKind.Set or ChangeKind.Delete;

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
                var kind = (ChangeKind)reader.ReadInt8();
                string path = Encoding.UTF8.GetString(reader.ReadBytes(flexible: false, "path").Span);
                changes.Add(new Change(kind, path, reader.ReadBytes(flexible: false, "data").ToArray(), 0));
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
            writer.WriteBytes(node.Data, flexible: false);
            writer.WriteInt64(node.Czxid);
            writer.WriteInt64(node.Mzxid);
            writer.WriteInt64(node.Pzxid);
            writer.WriteInt64(node.CtimeMs);
            writer.WriteInt64(node.MtimeMs);
            writer.WriteInt32(node.Version);
            writer.WriteInt32(node.ChildrenCreated);
        }
        EndFrame(writer, frame);
    }

    /// <returns>The epoch of the store that wrote it.</returns>
    /// <exception cref="CoordinationStoreException">It is damaged.</exception>
    public static int ReadSnapshot(ArraySegment<byte> bytes, NodeTree tree)
    {
        if (bytes.Count < sizeof(long) || BinaryPrimitives.ReadInt64BigEndian(bytes) != SnapshotMagic
            || !TryReadFrame(bytes[sizeof(long)..], out ArraySegment<byte> body))
        {
            throw new CoordinationStoreException("the snapshot of the cluster's state is damaged");
        }
        var reader = new KafkaReader(body.Array!, body.Offset, body.Count);
        tree.Advance(reader.ReadInt64());
        int epoch = reader.ReadInt32();
        for (int i = reader.ReadInt32(); i > 0; i--)
        {
            tree.Restore(new Node
            {
                Path = Encoding.UTF8.GetString(reader.ReadBytes(flexible: false, "path").Span),
                Data = reader.ReadBytes(flexible: false, "data").ToArray(),
                Czxid = reader.ReadInt64(),
                Mzxid = reader.ReadInt64(),
                Pzxid = reader.ReadInt64(),
                CtimeMs = reader.ReadInt64(),
                MtimeMs = reader.ReadInt64(),
                Version = reader.ReadInt32(),
                ChildrenCreated = reader.ReadInt32(),
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
