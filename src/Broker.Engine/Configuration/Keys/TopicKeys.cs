namespace Broker.Engine.Configuration.Keys;

/// <summary>A topic's own keys; the seventh column is the broker key that gives the default. For the others see
/// <see cref="KeyTable"/>.</summary>
internal static class TopicKeys
{
    public const string Table = """
        + cleanup.policy | List | delete | Medium | C | compact/delete | log.cleanup.policy | delete, compact or both.
        + compression.gzip.level | Int | -1 | Medium | C | gzip | compression.gzip.level | Level for gzip where the broker compresses.
        + compression.lz4.level | Int | 9 | Medium | C | 1..17 | compression.lz4.level | Level for lz4 where the broker compresses.
        + compression.type | String | producer | Medium | C | uncompressed/zstd/lz4/snappy/gzip/producer | compression.type | Codec in which batches are kept; producer keeps them as they come.
        + compression.zstd.level | Int | 3 | Medium | C | -131072..22 | compression.zstd.level | Level for zstd where the broker compresses.
        + delete.retention.ms | Long | 86400000 | Medium | C | >=0 | log.cleaner.delete.retention.ms | How long tombstones and transaction markers stay after they were first cleaned, milliseconds.
        + file.delete.delay.ms | Long | 60000 | Medium | C | >=0 | log.segment.delete.delay.ms | Milliseconds between the renaming of deleted files and their end.
        + flush.messages | Long | 9223372036854775807 | Medium | C | >=1 | log.flush.interval.messages | Records after which the log is synced to the disk.
        + flush.ms | Long | 9223372036854775807 | Medium | C | >=0 | log.flush.interval.ms | Milliseconds after which the log is synced to the disk.
        + follower.replication.throttled.replicas | List |  | Medium | C | throttled |  | Replicas, as partition:broker or *, that take records no faster than follower.replication.throttled.rate.
        + index.interval.bytes | Int | 4096 | Medium | C | >=0 | log.index.interval.bytes | Bytes of records between two entries of the offset index.
        - internal.segment.bytes | Int | ~ | Medium | C |  |  | segment.bytes decides
        + leader.replication.throttled.replicas | List |  | Medium | C | throttled |  | Replicas, as partition:broker or *, whose leader gives records to followers no faster than leader.replication.throttled.rate.
        - local.retention.bytes | Long | -2 | Medium | C | >=-2 | log.local.retention.bytes | tiered storage is not supported
        - local.retention.ms | Long | -2 | Medium | C | >=-2 | log.local.retention.ms | tiered storage is not supported
        + max.compaction.lag.ms | Long | 9223372036854775807 | Medium | C | >=1 | log.cleaner.max.compaction.lag.ms | A record that is older makes its log one to clean, milliseconds.
        + max.message.bytes | Int | 1048588 | Medium | C | >=0 | message.max.bytes | Largest batch of records, as it arrives.
        + message.timestamp.after.max.ms | Long | 3600000 | Medium | C | >=0 | log.message.timestamp.after.max.ms | How far a create time may lie ahead of the broker's clock, milliseconds.
        + message.timestamp.before.max.ms | Long | 9223372036854775807 | Medium | C | >=0 | log.message.timestamp.before.max.ms | How far a create time may lie behind the broker's clock, milliseconds.
        + message.timestamp.type | String | CreateTime | Medium | C | CreateTime/LogAppendTime | log.message.timestamp.type | CreateTime keeps the producer's timestamps, LogAppendTime puts the broker's in their place.
        + min.cleanable.dirty.ratio | Double | 0.5 | Medium | C | 0..1 | log.cleaner.min.cleanable.ratio | Share of a log that was never cleaned above which it is.
        + min.compaction.lag.ms | Long | 0 | Medium | C | >=0 | log.cleaner.min.compaction.lag.ms | A record is not cleaned before it is as old, milliseconds.
        + min.insync.replicas | Int | 1 | Medium | C | >=1 | min.insync.replicas | In-sync replicas that a partition must have for a produce with acks=all to be accepted.
        - preallocate | Boolean | false | Medium | C |  | log.preallocate | segments grow as they are written
        - remote.log.copy.disable | Boolean | false | Medium | C |  |  | tiered storage is not supported
        - remote.log.delete.on.disable | Boolean | false | Medium | C |  |  | tiered storage is not supported
        - remote.storage.enable | Boolean | false | Medium | C |  |  | tiered storage is not supported
        + retention.bytes | Long | -1 | Medium | C |  | log.retention.bytes | Bytes of a partition above which its oldest segments are deleted; -1 without limit.
        + retention.ms | Long | 604800000 | Medium | C | >=-1 | log.retention.ms | Milliseconds that records are kept, by the greatest timestamp of their segment; -1 for ever.
        + segment.bytes | Int | 1073741824 | Medium | C | >=1048576 | log.segment.bytes | Bytes after which a segment is rolled.
        + segment.index.bytes | Int | 10485760 | Medium | C | >=4 | log.index.size.max.bytes | Largest index of a segment; a full one rolls the segment.
        + segment.jitter.ms | Long | 0 | Medium | C | >=0 | log.roll.jitter.ms | Up to this many milliseconds earlier a segment may roll.
        + segment.ms | Long | 604800000 | Medium | C | >=1 | log.roll.ms | Milliseconds after which a segment is rolled, counted from its first record.
        + unclean.leader.election.enable | Boolean | false | Medium | C |  | unclean.leader.election.enable | Whether a replica that is not in sync may lead where no other is there: records are lost then.
        """;
}
