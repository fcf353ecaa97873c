namespace Broker.Engine.Configuration.Keys;

/// <summary>Replicas and their leaders. For the columns see <see cref="KeyTable"/>.</summary>
internal static class ReplicationKeys
{
    public const string Table = """
        - alter.log.dirs.replication.quota.window.num | Int | 11 | Low | R | >=1 |  | a replica does not move between log directories here
        - alter.log.dirs.replication.quota.window.size.seconds | Int | 1 | Low | R | >=1 |  | a replica does not move between log directories here
        + auto.leader.rebalance.enable | Boolean | true | High | R |  |  | Whether the controller gives leaderships back to the preferred leaders by itself.
        - delete.records.purgatory.purge.interval.requests | Int | 1 | Medium | R |  |  | waiting requests leave the purgatory when they complete; nothing is left to purge
        - eligible.leader.replicas.enable | Boolean | false | High | R |  |  | a partition has one replica here
        - fetch.purgatory.purge.interval.requests | Int | 1000 | Medium | R |  |  | waiting requests leave the purgatory when they complete; nothing is left to purge
        + follower.replication.throttled.rate | Long | 9223372036854775807 | Medium | B | >=0 |  | Bytes a second that throttled replicas of this broker take from their leaders.
        - follower.fetch.last.tiered.offset.enable | Boolean | false | Medium | C |  |  | tiered storage is not supported
        + leader.imbalance.check.interval.seconds | Long | 300 | High | R | >=1 |  | Seconds between two looks of the controller at the balance of leaders.
        + leader.imbalance.per.broker.percentage | Int | 10 | High | R |  |  | Share of the partitions that a broker is preferred to lead but does not, in percent, beyond which it gets them back.
        + leader.replication.throttled.rate | Long | 9223372036854775807 | Medium | B | >=0 |  | Bytes a second that this broker as a leader gives to throttled replicas.
        + min.insync.replicas | Int | 1 | High | C | >=1 |  | In-sync replicas that a partition must have for a produce with acks=all to be accepted.
        - num.replica.alter.log.dirs.threads | Int | ~ | High | R |  |  | a partition has one replica here
        + num.replica.fetchers | Int | 1 | High | C | >=1 |  | Threads that fetch from each broker that leads partitions held here.
        - producer.purgatory.purge.interval.requests | Int | 1000 | Medium | R |  |  | waiting requests leave the purgatory when they complete; nothing is left to purge
        + replica.fetch.backoff.ms | Int | 1000 | Medium | R | >=0 |  | Longest pause of a partition whose fetch failed, milliseconds; it begins with 20 and doubles.
        + replica.fetch.max.bytes | Int | 1048576 | Medium | R | >=0 |  | Bytes of one partition that a fetch of a follower asks for.
        + replica.fetch.min.bytes | Int | 1 | High | R |  |  | Bytes for which a follower's fetch waits.
        + replica.fetch.response.max.bytes | Int | 10485760 | Medium | R | >=0 |  | Bytes that a fetch of a follower asks for in all.
        + replica.fetch.wait.max.ms | Int | 500 | High | R |  |  | Milliseconds that a follower's fetch waits for records.
        + replica.high.watermark.checkpoint.interval.ms | Long | 5000 | High | R |  |  | Milliseconds between writes of the high watermark checkpoint.
        + replica.lag.time.max.ms | Long | 30000 | High | R |  |  | A follower that was not caught up for as long leaves the in-sync replicas, milliseconds.
        + replica.selector.class | String | ~ | Medium | R | org.apache.kafka.common.replica.LeaderSelector/org.apache.kafka.common.replica.RackAwareReplicaSelector |  | Which replica consumers are sent to: RackAwareReplicaSelector prefers one in the consumer's rack (client.rack).
        + replica.socket.receive.buffer.bytes | Int | 65536 | High | R |  |  | Receive buffer of the connections on which followers fetch; -1 for the system's default.
        + replica.socket.timeout.ms | Int | 30000 | High | R |  |  | Milliseconds that a follower waits for its leader's answer.
        + replication.quota.window.num | Int | 11 | Low | R | >=1 |  | Windows over which the rate of throttled replication is measured.
        + replication.quota.window.size.seconds | Int | 1 | Low | R | >=1 |  | Length of such a window, seconds.
        + unclean.leader.election.enable | Boolean | false | High | C |  |  | Whether a replica that is not in sync may lead where no other is there: records are lost then.
        - unclean.leader.election.interval.ms | Long | 300000 | Medium | R | >=1 |  | a partition has one replica here, so no other can be elected
        """;
}
