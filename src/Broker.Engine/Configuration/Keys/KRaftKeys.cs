namespace Broker.Engine.Configuration.Keys;

/// <summary>KRaft. For the columns see <see cref="KeyTable"/>.</summary>
internal static class KRaftKeys
{
    public const string Table = """
        - controller.listener.names | List | ~ | High | R |  |  | there is no KRaft controller here
        - controller.performance.always.log.threshold.ms | Long | 2000 | Medium | R | >=0 |  | there is no KRaft controller here
        - controller.performance.sample.period.ms | Long | 60000 | Medium | R | >=100 |  | there is no KRaft controller here
        - controller.quorum.append.linger.ms | Int | 25 | Medium | R | >=0 |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.auto.join.enable | Boolean | false | Low | R |  |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.bootstrap.servers | List |  | High | R |  |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.election.backoff.max.ms | Int | 1000 | High | R | >=0 |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.election.timeout.ms | Int | 1000 | High | R | >=0 |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.fetch.max.bytes | Int | 1048576 | Low | R | >=1 |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.fetch.snapshot.max.bytes | Int | 1048576 | Low | R | >=1 |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.fetch.timeout.ms | Int | 2000 | High | R | >=0 |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.request.timeout.ms | Int | 2000 | Medium | R | >=0 |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.retry.backoff.ms | Int | 20 | Low | R | >=0 |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quorum.voters | List |  | High | R |  |  | the brokers coordinate through their own store, not a KRaft quorum
        - controller.quota.window.num | Int | 11 | Low | R | >=1 |  | topic changes are not throttled
        - controller.quota.window.size.seconds | Int | 1 | Low | R | >=1 |  | topic changes are not throttled
        + controller.socket.timeout.ms | Int | 30000 | Medium | R |  |  | Milliseconds that the controller waits for a broker's answer before it asks again.
        - internal.metadata.delete.delay.millis | Long | 60000 | Low | R |  |  | there is no KRaft metadata log here
        - internal.metadata.log.segment.bytes | Int | ~ | Low | R |  |  | there is no KRaft metadata log here
        - internal.metadata.max.batch.size.in.bytes | Int | 8388608 | Low | R |  |  | there is no KRaft metadata log here
        - metadata.log.dir | String | ~ | High | R |  |  | there is no KRaft metadata log here
        - metadata.log.max.record.bytes.between.snapshots | Long | 20971520 | High | R | >=1 |  | there is no KRaft metadata log here
        - metadata.log.max.snapshot.interval.ms | Long | 3600000 | High | R | >=0 |  | there is no KRaft metadata log here
        - metadata.log.segment.bytes | Int | 1073741824 | High | R | >=8388608 |  | there is no KRaft metadata log here
        - metadata.log.segment.min.bytes | Int | 8388608 | High | R | >=12 |  | there is no KRaft metadata log here
        - metadata.log.segment.ms | Long | 604800000 | High | R |  |  | there is no KRaft metadata log here
        - metadata.max.idle.interval.ms | Int | 500 | Low | R | >=0 |  | there is no KRaft metadata log here
        - metadata.max.retention.bytes | Long | 104857600 | High | R |  |  | there is no KRaft metadata log here
        - metadata.max.retention.ms | Long | 604800000 | High | R |  |  | there is no KRaft metadata log here
        """;
}
