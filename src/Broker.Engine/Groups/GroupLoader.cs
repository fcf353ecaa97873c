using System.Buffers.Binary;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Groups;

/// <summary>What a partition of <c>__consumer_offsets</c> says: the last record of each key wins. Not thread-safe.</summary>
internal sealed class GroupLoader
{
    public Dictionary<string, Dictionary<TopicPartition, CommittedOffset>> Offsets { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, GroupMetadataValue> Groups { get; } = new(StringComparer.Ordinal);

    /// <summary>Records of types that this coordinator does not know.</summary>
    public int Unknown { get; private set; }

    public void Read(PartitionLog log) => OffsetsLog.ReadAll(log, Take);

    private void Take(byte[] key, byte[]? value)
    {
        short type = key.Length >= 2 ? BinaryPrimitives.ReadInt16BigEndian(key) : (short)-1;
        try
        {
            switch (type)
            {
                case OffsetsLog.LegacyOffsetKeyType or OffsetsLog.OffsetKeyType:
                    TakeOffset(key, value);
                    break;
                case OffsetsLog.GroupKeyType:
                    TakeGroup(key, value);
                    break;
                default:
                    Unknown++;
                    break;
            }
        }
        catch (Exception e) when (e is MalformedRequestException or UnsupportedVersionException)
        {
            Unknown++;
        }
    }

    private void TakeOffset(byte[] keyBytes, byte[]? valueBytes)
    {
        var key = new OffsetCommitKey();
        var reader = new KafkaReader(keyBytes, 2, keyBytes.Length - 2);
        key.Read(ref reader, 0);
        var partition = new TopicPartition(key.Topic, key.Partition);
        if (valueBytes is null)
        {
            if (Offsets.TryGetValue(key.Group, out Dictionary<TopicPartition, CommittedOffset>? had))
            {
                had.Remove(partition);
            }
            return;
        }
        var value = new OffsetCommitValue();
        ReadValue(value, valueBytes);
        if (!Offsets.TryGetValue(key.Group, out Dictionary<TopicPartition, CommittedOffset>? offsets))
        {
            Offsets.Add(key.Group, offsets = []);
        }
        offsets[partition] = new CommittedOffset(value.Offset, value.LeaderEpoch, value.Metadata, value.CommitTimestamp, value.TopicId, value.ExpireTimestamp);
    }

    private void TakeGroup(byte[] keyBytes, byte[]? valueBytes)
    {
        var key = new GroupMetadataKey();
        var reader = new KafkaReader(keyBytes, 2, keyBytes.Length - 2);
        key.Read(ref reader, 0);
        if (valueBytes is null)
        {
            Groups.Remove(key.Group);
            return;
        }
        var value = new GroupMetadataValue();
        ReadValue(value, valueBytes);
        Groups[key.Group] = value;
    }

    /// <exception cref="MalformedRequestException">It is no value of a known version.</exception>
    private static void ReadValue(IKafkaMessage value, byte[] bytes)
    {
        if (bytes.Length < sizeof(short))
        {
            throw new MalformedRequestException("a value without a version");
        }
        var reader = new KafkaReader(bytes, sizeof(short), bytes.Length - sizeof(short));
        value.Read(ref reader, BinaryPrimitives.ReadInt16BigEndian(bytes));
    }
}
