namespace Broker.Engine.Configuration.Keys;

/// <summary>Kafka's newer kinds of groups. For the columns see <see cref="KeyTable"/>.</summary>
internal static class NewGroupKeys
{
    public const string Table = """
        - group.consumer.assignment.interval.ms | Int | 1000 | Medium | C | >=0 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.assignors | List | uniform,range | Medium | R |  |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.heartbeat.interval.ms | Int | 5000 | Medium | R | >=1 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.max.assignment.interval.ms | Int | 15000 | Medium | R | >=0 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.max.heartbeat.interval.ms | Int | 15000 | Medium | R | >=1 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.max.session.timeout.ms | Int | 60000 | Medium | R | >=1 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.max.size | Int | 2147483647 | Medium | R | >=1 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.migration.policy | String | bidirectional | Medium | R |  |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.min.assignment.interval.ms | Int | 0 | Medium | R | >=0 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.min.heartbeat.interval.ms | Int | 5000 | Medium | R | >=1 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.min.session.timeout.ms | Int | 45000 | Medium | R | >=1 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.regex.refresh.interval.ms | Int | 600000 | Medium | R | >=10000 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.consumer.session.timeout.ms | Int | 45000 | Medium | R | >=1 |  | the consumer group protocol of KIP-848 is not supported; the classic protocol is
        - group.share.assignment.interval.ms | Int | 1000 | Medium | C | >=0 |  | share groups are not supported
        - group.share.assignors | List | simple | Medium | R |  |  | share groups are not supported
        - group.share.delivery.count.limit | Int | 5 | Medium | R | 2..10 |  | share groups are not supported
        - group.share.enable | Boolean | false | Medium | R |  |  | share groups are not supported
        - group.share.heartbeat.interval.ms | Int | 5000 | Medium | R | >=1 |  | share groups are not supported
        - group.share.initialize.retry.interval.ms | Int | 30000 | Low | R | >=1 |  | share groups are not supported
        - group.share.max.assignment.interval.ms | Int | 15000 | Medium | R | >=0 |  | share groups are not supported
        - group.share.max.delivery.count.limit | Int | 10 | Medium | R | 5..25 |  | share groups are not supported
        - group.share.max.groups | Short | 10 | Medium | R | 1..100 |  | share groups are not supported
        - group.share.max.heartbeat.interval.ms | Int | 15000 | Medium | R | >=1 |  | share groups are not supported
        - group.share.max.partition.max.record.locks | Int | 4000 | Medium | R | 2000..10000 |  | share groups are not supported
        - group.share.max.record.lock.duration.ms | Int | 60000 | Medium | R | 30000..3600000 |  | share groups are not supported
        - group.share.max.session.timeout.ms | Int | 60000 | Medium | R | >=1 |  | share groups are not supported
        - group.share.max.share.sessions | Int | 2000 | Medium | R | >=1 |  | share groups are not supported
        - group.share.max.size | Int | 200 | Medium | R | 1..1000 |  | share groups are not supported
        - group.share.min.assignment.interval.ms | Int | 0 | Medium | R | >=0 |  | share groups are not supported
        - group.share.min.delivery.count.limit | Int | 2 | Medium | R | 2..5 |  | share groups are not supported
        - group.share.min.heartbeat.interval.ms | Int | 5000 | Medium | R | >=1 |  | share groups are not supported
        - group.share.min.partition.max.record.locks | Int | 100 | Medium | R | 100..2000 |  | share groups are not supported
        - group.share.min.record.lock.duration.ms | Int | 15000 | Medium | R | 1000..30000 |  | share groups are not supported
        - group.share.min.session.timeout.ms | Int | 45000 | Medium | R | >=1 |  | share groups are not supported
        - group.share.partition.max.record.locks | Int | 2000 | Medium | R | 100..10000 |  | share groups are not supported
        - group.share.persister.class.name | String | org.apache.kafka.server.share.persister.DefaultStatePersister | Medium | R |  |  | share groups are not supported
        - group.share.record.lock.duration.ms | Int | 30000 | Medium | R | 1000..3600000 |  | share groups are not supported
        - group.share.session.timeout.ms | Int | 45000 | Medium | R | >=1 |  | share groups are not supported
        - group.streams.assignment.interval.ms | Int | 1000 | Medium | C | >=0 |  | streams groups are not supported
        - group.streams.heartbeat.interval.ms | Int | 5000 | Medium | R | >=1 |  | streams groups are not supported
        - group.streams.initial.rebalance.delay.ms | Int | 3000 | Medium | R | >=0 |  | streams groups are not supported
        - group.streams.max.assignment.interval.ms | Int | 15000 | Medium | R | >=0 |  | streams groups are not supported
        - group.streams.max.heartbeat.interval.ms | Int | 15000 | Medium | R | >=1 |  | streams groups are not supported
        - group.streams.max.session.timeout.ms | Int | 60000 | Medium | R | >=1 |  | streams groups are not supported
        - group.streams.max.size | Int | 2147483647 | Medium | R | >=1 |  | streams groups are not supported
        - group.streams.max.standby.replicas | Int | 2 | Medium | R | >=0 |  | streams groups are not supported
        - group.streams.min.assignment.interval.ms | Int | 0 | Medium | R | >=0 |  | streams groups are not supported
        - group.streams.min.heartbeat.interval.ms | Int | 5000 | Medium | R | >=1 |  | streams groups are not supported
        - group.streams.min.session.timeout.ms | Int | 45000 | Medium | R | >=1 |  | streams groups are not supported
        - group.streams.num.standby.replicas | Int | 0 | Medium | R | >=0 |  | streams groups are not supported
        - group.streams.session.timeout.ms | Int | 45000 | Medium | R | >=1 |  | streams groups are not supported
        - share.coordinator.append.linger.ms | Int | -1 | Medium | R | >=-1 |  | share groups are not supported
        - share.coordinator.cached.buffer.max.bytes | Int | 1048588 | Medium | C | >=524288 |  | share groups are not supported
        - share.coordinator.cold.partition.snapshot.interval.ms | Int | 300000 | Low | R | >=1 |  | share groups are not supported
        - share.coordinator.load.buffer.size | Int | 5242880 | High | R | >=1 |  | share groups are not supported
        - share.coordinator.snapshot.update.records.per.snapshot | Int | 500 | Medium | R | 0..500 |  | share groups are not supported
        - share.coordinator.state.topic.compression.codec | Int | 0 | High | R |  |  | share groups are not supported
        - share.coordinator.state.topic.min.isr | Short | 2 | High | R | >=1 |  | share groups are not supported
        - share.coordinator.state.topic.num.partitions | Int | 50 | High | R | >=1 |  | share groups are not supported
        - share.coordinator.state.topic.prune.interval.ms | Int | 300000 | Low | R | >=1 |  | share groups are not supported
        - share.coordinator.state.topic.replication.factor | Short | 3 | High | R | >=1 |  | share groups are not supported
        - share.coordinator.state.topic.segment.bytes | Int | 104857600 | High | R | >=1 |  | share groups are not supported
        - share.coordinator.threads | Int | 1 | Medium | R | >=1 |  | share groups are not supported
        - share.coordinator.write.timeout.ms | Int | 5000 | High | R | >=1 |  | share groups are not supported
        - share.fetch.purgatory.purge.interval.requests | Int | 1000 | Medium | R |  |  | share groups are not supported
        """;
}
