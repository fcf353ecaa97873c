namespace Broker.Engine.Configuration.Keys;

/// <summary>Tiered storage. For the columns see <see cref="KeyTable"/>.</summary>
internal static class RemoteStorageKeys
{
    public const string Table = """
        - remote.fetch.max.wait.ms | Int | 500 | Medium | C | >=1 |  | tiered storage is not supported
        - remote.list.offsets.request.timeout.ms | Long | 30000 | Medium | C | >=1 |  | tiered storage is not supported
        - remote.log.index.file.cache.total.size.bytes | Long | 1073741824 | Low | C | >=1 |  | tiered storage is not supported
        - remote.log.index.file.cache.ttl.ms | Long | 900000 | Low | R | >=-1 |  | tiered storage is not supported
        - remote.log.manager.copier.thread.pool.size | Int | 10 | Medium | C | >=1 |  | tiered storage is not supported
        - remote.log.manager.copy.max.bytes.per.second | Long | 9223372036854775807 | Medium | C | >=1 |  | tiered storage is not supported
        - remote.log.manager.copy.quota.window.num | Int | 11 | Medium | R | >=1 |  | tiered storage is not supported
        - remote.log.manager.copy.quota.window.size.seconds | Int | 1 | Medium | R | >=1 |  | tiered storage is not supported
        - remote.log.manager.expiration.thread.pool.size | Int | 10 | Medium | C | >=1 |  | tiered storage is not supported
        - remote.log.manager.fetch.max.bytes.per.second | Long | 9223372036854775807 | Medium | C | >=1 |  | tiered storage is not supported
        - remote.log.manager.fetch.quota.window.num | Int | 11 | Medium | R | >=1 |  | tiered storage is not supported
        - remote.log.manager.fetch.quota.window.size.seconds | Int | 1 | Medium | R | >=1 |  | tiered storage is not supported
        - remote.log.manager.follower.thread.pool.size | Int | 2 | Medium | C | >=1 |  | tiered storage is not supported
        - remote.log.manager.task.interval.ms | Long | 30000 | Low | R | >=1 |  | tiered storage is not supported
        - remote.log.manager.task.retry.backoff.max.ms | Long | 30000 | Low | R | >=1 |  | tiered storage is not supported
        - remote.log.manager.task.retry.backoff.ms | Long | 500 | Low | R | >=1 |  | tiered storage is not supported
        - remote.log.manager.task.retry.jitter | Double | 0.2 | Low | R | 0..0.5 |  | tiered storage is not supported
        - remote.log.manager.thread.pool.size | Int | 2 | Medium | R | >=1 |  | tiered storage is not supported
        - remote.log.metadata.custom.metadata.max.bytes | Int | 128 | Low | R | >=0 |  | tiered storage is not supported
        - remote.log.metadata.manager.class.name | String | org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager | Medium | R | nonempty |  | tiered storage is not supported
        - remote.log.metadata.manager.class.path | String | ~ | Medium | R |  |  | tiered storage is not supported
        - remote.log.metadata.manager.impl.prefix | String | rlmm.config. | Medium | R | nonempty |  | tiered storage is not supported
        - remote.log.metadata.manager.listener.name | String | ~ | Medium | R | nonempty |  | tiered storage is not supported
        - remote.log.reader.max.pending.tasks | Int | 100 | Medium | R | >=1 |  | tiered storage is not supported
        - remote.log.reader.threads | Int | 10 | Medium | C | >=1 |  | tiered storage is not supported
        - remote.log.storage.manager.class.name | String | ~ | Medium | R | nonempty |  | tiered storage is not supported
        - remote.log.storage.manager.class.path | String | ~ | Medium | R |  |  | tiered storage is not supported
        - remote.log.storage.manager.impl.prefix | String | rsm.config. | Medium | R | nonempty |  | tiered storage is not supported
        ! remote.log.storage.system.enable | Boolean | false | Medium | R |  |  | tiered storage is not supported
        """;
}
