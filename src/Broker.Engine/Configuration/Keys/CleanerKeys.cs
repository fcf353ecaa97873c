namespace Broker.Engine.Configuration.Keys;

/// <summary>Compaction. For the columns see <see cref="KeyTable"/>.</summary>
internal static class CleanerKeys
{
    public const string Table = """
        + log.cleaner.backoff.ms | Long | 15000 | Medium | C | >=0 |  | Milliseconds that a cleaner thread rests when no log is dirty enough.
        + log.cleaner.dedupe.buffer.size | Long | 134217728 | Medium | C |  |  | Bytes for the keys of the dirty parts, all cleaner threads together; taken while they clean.
        + log.cleaner.delete.retention.ms | Long | 86400000 | Medium | C | >=0 |  | How long tombstones and transaction markers stay after they were first cleaned, milliseconds.
        + log.cleaner.enable | Boolean | true | Medium | R |  |  | Whether compacted topics are cleaned.
        + log.cleaner.io.buffer.load.factor | Double | 0.9 | Medium | C |  |  | Share of the buffer for keys that may be in use.
        + log.cleaner.io.buffer.size | Int | 524288 | Medium | C | >=0 |  | Bytes to read and write at once, all cleaner threads together.
        + log.cleaner.io.max.bytes.per.second | Double | 1.7976931348623157E308 | Medium | C |  |  | Bytes a second that the cleaner reads and writes at most.
        + log.cleaner.max.compaction.lag.ms | Long | 9223372036854775807 | Medium | C | >=1 |  | A record that is older makes its log one to clean, milliseconds.
        + log.cleaner.min.cleanable.ratio | Double | 0.5 | Medium | C | 0..1 |  | Share of a log that was never cleaned above which it is.
        + log.cleaner.min.compaction.lag.ms | Long | 0 | Medium | C | >=0 |  | A record is not cleaned before it is as old, milliseconds.
        + log.cleaner.threads | Int | 1 | Medium | C | >=0 |  | Threads that clean.
        """;
}
