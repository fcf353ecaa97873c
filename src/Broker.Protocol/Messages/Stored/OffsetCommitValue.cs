namespace Broker.Protocol.Messages;

/// <summary>A committed offset in __consumer_offsets. v1 has an expiry, v3 the leader epoch, v4 the topic id.</summary>
[KafkaData(versions: "0-4", flexible: "4+")]
public sealed partial class OffsetCommitValue
{
    [Field("0+")] public long Offset { get; set; }
    [Field("3+", Ignorable = true)] public int LeaderEpoch { get; set; } = -1;
    [Field("0+")] public string Metadata { get; set; } = "";
    [Field("0+")] public long CommitTimestamp { get; set; }
    [Field("1", Ignorable = true)] public long ExpireTimestamp { get; set; } = -1;
    [Field("4+", Tag = 0, Ignorable = true)] public Guid TopicId { get; set; }
}
