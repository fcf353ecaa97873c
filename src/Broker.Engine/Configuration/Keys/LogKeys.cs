namespace Broker.Engine.Configuration.Keys;

/// <summary>Logs and their segments. For the columns see <see cref="KeyTable"/>.</summary>
internal static class LogKeys
{
    public const string Table = """
        + compression.gzip.level | Int | -1 | Medium | C | gzip |  | Level for gzip where the broker compresses.
        + compression.lz4.level | Int | 9 | Medium | C | 1..17 |  | Level for lz4 where the broker compresses.
        + compression.type | String | producer | High | C | uncompressed/zstd/lz4/snappy/gzip/producer |  | Codec in which batches are kept; producer keeps them as they come.
        + compression.zstd.level | Int | 3 | Medium | C | -131072..22 |  | Level for zstd where the broker compresses.
        - cordoned.log.dirs | List |  | Medium | C |  |  | new partitions go to any directory that works
        + log.cleanup.policy | List | delete | Medium | C | compact/delete |  | delete, compact or both: it decides whether records need keys and whether DeleteRecords is allowed.
        + log.dir | List | /tmp/kafka-logs | High | R |  |  | Directory for logs, where log.dirs is not set. Without either, logs lie below the host's data directory.
        - log.dir.failure.timeout.ms | Long | 30000 | Low | R | >=1 |  | there is no KRaft controller here
        + log.dirs | List | ~ | High | R |  | log.dir | Directories for logs, separated by commas; a new partition goes where there are fewest.
        + log.flush.interval.messages | Long | 9223372036854775807 | High | C | >=1 |  | Records after which a log is synced to the disk.
        + log.flush.interval.ms | Long | ~ | High | C |  | log.flush.scheduler.interval.ms | Milliseconds after which a log is synced to the disk.
        + log.flush.offset.checkpoint.interval.ms | Int | 60000 | High | R | >=0 |  | Milliseconds between writes of the recovery point checkpoint.
        + log.flush.scheduler.interval.ms | Long | 9223372036854775807 | High | R |  |  | Milliseconds between looks for logs that must be synced.
        + log.flush.start.offset.checkpoint.interval.ms | Int | 60000 | High | R | >=0 |  | Milliseconds between writes of the log start offset checkpoint.
        + log.index.interval.bytes | Int | 4096 | Medium | C | >=0 |  | Bytes of records between two entries of the offset index.
        + log.index.size.max.bytes | Int | 10485760 | Medium | C | >=4 |  | Largest index of a segment; a full one rolls the segment.
        + log.initial.task.delay.ms | Long | 30000 | Low | R | >=0 |  | Milliseconds from the start to the first look for old segments, dirty logs and checkpoints to write.
        - log.local.retention.bytes | Long | -2 | Medium | C | >=-2 |  | tiered storage is not supported
        - log.local.retention.ms | Long | -2 | Medium | C | >=-2 |  | tiered storage is not supported
        - log.message.downconversion.enable | Boolean | true | Low | R |  |  | no client that needs an older format is served
        - log.message.format.version | String | 3.0-IV1 | Medium | R |  |  | batches are kept in the format of magic 2
        + log.message.timestamp.after.max.ms | Long | 3600000 | Medium | C | >=0 |  | How far a create time may lie ahead of the broker's clock, milliseconds.
        + log.message.timestamp.before.max.ms | Long | 9223372036854775807 | Medium | C | >=0 |  | How far a create time may lie behind the broker's clock, milliseconds.
        - log.message.timestamp.difference.max.ms | Long | 9223372036854775807 | Medium | R | >=0 |  | log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms take its place
        + log.message.timestamp.type | String | CreateTime | Medium | C | CreateTime/LogAppendTime |  | CreateTime keeps the producer's timestamps, LogAppendTime puts the broker's in their place.
        - log.preallocate | Boolean | false | Medium | C |  |  | segments grow as they are written
        + log.retention.bytes | Long | -1 | High | C |  |  | Bytes of a partition above which its oldest segments are deleted; -1 without limit.
        + log.retention.check.interval.ms | Long | 300000 | Medium | R | >=1 |  | Milliseconds between looks for segments to delete.
        + log.retention.hours | Int | 168 | High | R |  |  | Hours that records are kept, where neither log.retention.ms nor log.retention.minutes is set; -1 for ever.
        + log.retention.minutes | Int | ~ | High | R |  |  | The same in minutes, where log.retention.ms is not set.
        + log.retention.ms | Long | ~ | High | C |  | log.retention.minutes,log.retention.hours | Milliseconds that records are kept, by the greatest timestamp of their segment; -1 for ever.
        + log.roll.hours | Int | 168 | High | R | >=1 |  | Hours after which a segment is rolled, where log.roll.ms is not set.
        + log.roll.jitter.hours | Int | 0 | High | R | >=0 |  | The same in hours, where log.roll.jitter.ms is not set.
        + log.roll.jitter.ms | Long | ~ | High | C |  | log.roll.jitter.hours | Up to this many milliseconds earlier a segment may roll, so that not all roll at once.
        + log.roll.ms | Long | ~ | High | C |  | log.roll.hours | Milliseconds after which a segment is rolled, counted from its first record.
        + log.segment.bytes | Int | 1073741824 | High | C | >=1048576 |  | Bytes after which a segment is rolled.
        + log.segment.delete.delay.ms | Long | 60000 | High | C | >=0 |  | Milliseconds between the renaming of deleted files and their end.
        + message.max.bytes | Int | 1048588 | High | C | >=0 |  | Largest batch of records, as it arrives.
        + num.recovery.threads.per.data.dir | Int | 2 | High | C | >=1 |  | Threads that load and recover the logs of a directory at the start, and close them at the stop.
        + producer.id.expiration.check.interval.ms | Int | 600000 | Low | R | >=1 |  | Milliseconds between looks for idle producers.
        + producer.id.expiration.ms | Int | 86400000 | Low | C | >=1 |  | Milliseconds after which the state of an idle idempotent producer is forgotten.
        """;
}
