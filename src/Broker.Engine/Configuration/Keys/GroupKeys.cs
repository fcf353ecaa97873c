namespace Broker.Engine.Configuration.Keys;

/// <summary>Groups of the classic protocol and their offsets. For the columns see <see cref="KeyTable"/>.</summary>
internal static class GroupKeys
{
    public const string Table = """
        - group.coordinator.append.linger.ms | Int | -1 | Medium | R | >=-1 |  | group state is written at once by the coordinator, which needs no such setting
        - group.coordinator.background.threads | Int | 2 | High | R | >=1 |  | group state is written at once by the coordinator, which needs no such setting
        - group.coordinator.cached.buffer.max.bytes | Int | 1048588 | Medium | C | >=524288 |  | group state is written at once by the coordinator, which needs no such setting
        - group.coordinator.new.enable | Boolean | false | Medium | R |  |  | group state is written at once by the coordinator, which needs no such setting
        - group.coordinator.rebalance.protocols | List | classic,consumer,streams | Medium | R | consumer/classic/share/streams |  | group state is written at once by the coordinator, which needs no such setting
        - group.coordinator.threads | Int | 4 | High | R | >=1 |  | group state is written at once by the coordinator, which needs no such setting
        + group.initial.rebalance.delay.ms | Int | 3000 | Medium | R |  |  | Milliseconds that the first rebalance of an empty group waits for more members.
        + group.max.session.timeout.ms | Int | 1800000 | Medium | R |  |  | Longest session timeout that a member may ask for.
        + group.max.size | Int | 2147483647 | Medium | R | >=1 |  | Most members of a group.
        + group.min.session.timeout.ms | Int | 6000 | Medium | R |  |  | Shortest session timeout that a member may ask for.
        + offset.metadata.max.bytes | Int | 4096 | High | R |  |  | Largest metadata of a committed offset.
        - offsets.commit.required.acks | Short | -1 | High | R |  |  | a commit is answered once all in-sync replicas have it
        + offsets.commit.timeout.ms | Int | 5000 | High | R | >=1 |  | Milliseconds that a commit of offsets waits for the in-sync replicas.
        - offsets.load.buffer.size | Int | 5242880 | High | R | >=1 |  | offsets are loaded in reads of 5 MiB
        + offsets.retention.check.interval.ms | Long | 600000 | High | R | >=1 |  | Milliseconds between looks for offsets to forget.
        + offsets.retention.minutes | Int | 10080 | High | R | >=1 |  | Minutes after which the offsets of a group without members are forgotten.
        - offsets.topic.compression.codec | Int | 0 | High | R |  |  | offset batches are small and kept uncompressed
        + offsets.topic.num.partitions | Int | 50 | High | R | >=1 |  | Partitions of __consumer_offsets; to be set before its first use.
        + offsets.topic.replication.factor | Short | 3 | High | R | >=1 |  | Replicas of the topic of committed offsets; as many as there are brokers where they are fewer.
        + offsets.topic.segment.bytes | Int | 104857600 | High | R | >=1 |  | segment.bytes of __consumer_offsets.
        """;
}
