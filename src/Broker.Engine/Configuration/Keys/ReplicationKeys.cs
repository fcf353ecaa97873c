namespace Broker.Engine.Configuration.Keys;

/// <summary>Replicas and their leaders. For the columns see <see cref="KeyTable"/>.</summary>
internal static class ReplicationKeys
{
    public const string Table = """
        - alter.log.dirs.replication.quota.window.num | Int | 11 | Low | R | >=1 |  | replicas that move between log directories are throttled without windows
        - alter.log.dirs.replication.quota.window.size.seconds | Int | 1 | Low | R | >=1 |  | replicas that move between log directories are throttled without windows
        - auto.leader.rebalance.enable | Boolean | true | High | R |  |  | a partition has one replica here, so its leader cannot move
        - delete.records.purgatory.purge.interval.requests | Int | 1 | Medium | R |  |  | waiting requests leave the purgatory when they complete; nothing is left to purge
        - eligible.leader.replicas.enable | Boolean | false | High | R |  |  | a partition has one replica here
        - fetch.purgatory.purge.interval.requests | Int | 1000 | Medium | R |  |  | waiting requests leave the purgatory when they complete; nothing is left to purge
        - follower.fetch.last.tiered.offset.enable | Boolean | false | Medium | C |  |  | tiered storage is not supported
        - leader.imbalance.check.interval.seconds | Long | 300 | High | R | >=1 |  | a partition has one replica here, so its leader cannot move
        - leader.imbalance.per.broker.percentage | Int | 10 | High | R |  |  | a partition has one replica here, so its leader cannot move
        - min.insync.replicas | Int | 1 | High | C | >=1 |  | a partition has one replica here
        + num.replica.alter.log.dirs.threads | Int | ~ | High | R |  |  | Threads that move partitions to other log directories at most; without it, as many as there are directories.
        - num.replica.fetchers | Int | 1 | High | C | >=1 |  | a partition has one replica here
        - producer.purgatory.purge.interval.requests | Int | 1000 | Medium | R |  |  | waiting requests leave the purgatory when they complete; nothing is left to purge
        - replica.fetch.backoff.ms | Int | 1000 | Medium | R | >=0 |  | a partition has one replica here
        - replica.fetch.max.bytes | Int | 1048576 | Medium | R | >=0 |  | a partition has one replica here
        - replica.fetch.min.bytes | Int | 1 | High | R |  |  | a partition has one replica here
        - replica.fetch.response.max.bytes | Int | 10485760 | Medium | R | >=0 |  | a partition has one replica here
        - replica.fetch.wait.max.ms | Int | 500 | High | R |  |  | a partition has one replica here
        + replica.alter.log.dirs.io.max.bytes.per.second | Long | 9223372036854775807 | Medium | B | >=0 |  | Bytes a second that are copied at most from one log directory to another.
        + replica.high.watermark.checkpoint.interval.ms | Long | 5000 | High | R |  |  | Milliseconds between writes of the high watermark checkpoint.
        - replica.lag.time.max.ms | Long | 30000 | High | R |  |  | a partition has one replica here
        - replica.selector.class | String | ~ | Medium | R |  |  | a partition has one replica here
        - replica.socket.receive.buffer.bytes | Int | 65536 | High | R |  |  | a partition has one replica here
        - replica.socket.timeout.ms | Int | 30000 | High | R |  |  | a partition has one replica here
        - replication.quota.window.num | Int | 11 | Low | R | >=1 |  | a partition has one replica here
        - replication.quota.window.size.seconds | Int | 1 | Low | R | >=1 |  | a partition has one replica here
        - unclean.leader.election.enable | Boolean | false | High | C |  |  | a partition has one replica here, so no other can be elected
        - unclean.leader.election.interval.ms | Long | 300000 | Medium | R | >=1 |  | a partition has one replica here, so no other can be elected
        """;
}
