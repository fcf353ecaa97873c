using Broker.Engine.Replication;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Broker.Protocol.Wire;

namespace Broker.Engine.Groups;

/// <summary>What is written of groups to <c>__consumer_offsets</c>, in Kafka's record formats (GroupCoordinatorRecordHelpers):
/// keys begin with a type, values with a version; a null value takes the key away. Stateless.</summary>
internal static class OffsetsLog
{
    public const short OffsetKeyType = 1;
    public const short LegacyOffsetKeyType = 0;
    public const short GroupKeyType = 2;
    private const short OffsetValueVersion = 3;

    /// <summary>The one version that says when an offset ends.</summary>
    private const short ExpiringOffsetValueVersion = 1;
    private const short GroupValueVersion = 3;

    /// <summary>One record.</summary>
    public readonly record struct Entry(byte[] Key, byte[]? Value);

    public static byte[] OffsetKey(string group, in TopicPartition partition) => Encode(
        OffsetKeyType, new OffsetCommitKey { Group = group, Topic = partition.Topic, Partition = partition.Partition }, 0);

    public static byte[] OffsetValue(CommittedOffset offset)
    {
        short version = offset.ExpireMs >= 0 ? ExpiringOffsetValueVersion : OffsetValueVersion;
        return Encode(
            version,
            new OffsetCommitValue
            {
                Offset = offset.Offset,
                LeaderEpoch = offset.LeaderEpoch,
                Metadata = offset.Metadata,
                CommitTimestamp = offset.CommitMs,
                ExpireTimestamp = offset.ExpireMs,
            },
            version);
    }

    public static byte[] GroupKey(string group) => Encode(GroupKeyType, new GroupMetadataKey { Group = group }, 0);

    public static byte[] GroupValue(ClassicGroup group, IReadOnlyDictionary<string, byte[]>? assignments)
    {
        var value = new GroupMetadataValue
        {
            ProtocolType = group.ProtocolType ?? "",
            Generation = group.Generation,
            Protocol = group.Protocol,
            Leader = group.LeaderId,
            CurrentStateTimestamp = group.StateSinceMs,
        };
        foreach (GroupMember member in group.Members)
        {
            value.Members.Add(new()
            {
                MemberId = member.MemberId,
                GroupInstanceId = member.InstanceId,
                ClientId = member.ClientId,
                ClientHost = member.ClientHost,
                RebalanceTimeout = member.RebalanceTimeoutMs,
                SessionTimeout = member.SessionTimeoutMs,
                Subscription = group.Protocol is { } protocol ? member.MetadataOf(protocol) : [],
                Assignment = assignments is null ? member.Assignment : assignments.GetValueOrDefault(member.MemberId, []),
            });
        }
        return Encode(GroupValueVersion, value, GroupValueVersion);
    }

    private static byte[] Encode(short prefix, IKafkaMessage message, short version)
    {
        var writer = new KafkaWriter(128);
        writer.WriteInt16(prefix);
        message.Write(writer, version);
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>Appends entries as one batch.</summary>
    public static AppendResult Append(Partition partition, IReadOnlyList<Entry> entries, long nowMs)
    {
        using var builder = new RecordBatchBuilder(BatchTools.Current.Codecs);
        builder.Begin(new RecordBatchOptions());
        foreach (Entry entry in entries)
        {
            builder.Append(nowMs, entry.Key, entry.Value);
        }
        AppendResult result = partition.AppendFromCoordinator(builder.Finish().Span, nowMs);
        partition.WakeFetches();
        return result;
    }

    /// <summary>Reads every record of a log, oldest first.</summary>
    public static void ReadAll(PartitionLog log, Action<byte[], byte[]?> record)
    {
        const int chunkBytes = 5 * 1024 * 1024;
        long offset = log.LogStartOffset;
        long end = log.LogEndOffset;
        while (offset < end && log.Copy(offset, chunkBytes, end) is { } bytes)
        {
            long next = Read(bytes, record);
            if (next <= offset)
            {
                return;
            }
            offset = next;
        }
    }

    private static long Read(byte[] bytes, Action<byte[], byte[]?> record)
    {
        long next = -1;
        var batches = new BatchCursor(bytes);
        while (batches.MoveNext())
        {
            if (batches.Magic < 2)
            {
                next = batches.Offset + 1;   // older than any coordinator that this one succeeds
                continue;
            }
            RecordBatchView batch = batches.Batch;
            next = batch.LastOffset + 1;
            if (batch.IsControl)
            {
                continue;
            }
            using var records = new RecordCursor(batch, BatchTools.Current.Codecs);
            while (records.MoveNext())
            {
                RecordView one = records.Current;
                if (one.Key.ToArray() is { } key)
                {
                    record(key, one.Value.ToArray());
                }
            }
        }
        return next;
    }
}
