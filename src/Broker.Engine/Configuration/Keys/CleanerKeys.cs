namespace Broker.Engine.Configuration.Keys;

/// <summary>Compaction. For the columns see <see cref="KeyTable"/>.</summary>
internal static class CleanerKeys
{
    public const string Table = """
        - log.cleaner.backoff.ms | Long | 15000 | Medium | C | >=0 |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.dedupe.buffer.size | Long | 134217728 | Medium | C |  |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.delete.retention.ms | Long | 86400000 | Medium | C | >=0 |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.enable | Boolean | true | Medium | R |  |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.io.buffer.load.factor | Double | 0.9 | Medium | C |  |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.io.buffer.size | Int | 524288 | Medium | C | >=0 |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.io.max.bytes.per.second | Double | 1.7976931348623157E308 | Medium | C |  |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.max.compaction.lag.ms | Long | 9223372036854775807 | Medium | C | >=1 |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.min.cleanable.ratio | Double | 0.5 | Medium | C | 0..1 |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.min.compaction.lag.ms | Long | 0 | Medium | C | >=0 |  | compaction is not carried out yet: compacted topics keep all records
        - log.cleaner.threads | Int | 1 | Medium | C | >=0 |  | compaction is not carried out yet: compacted topics keep all records
        """;
}
