using System.Globalization;

namespace Broker.Engine.Storage;

/// <summary>Names in a log directory (Kafka: LogFileUtils, LogManager).</summary>
internal static class LogFileNames
{
    public const string LogSuffix = ".log";
    public const string OffsetIndexSuffix = ".index";
    public const string TimeIndexSuffix = ".timeindex";
    public const string TransactionIndexSuffix = ".txnindex";
    public const string SnapshotSuffix = ".snapshot";
    public const string DeletedSuffix = ".deleted";
    public const string CleanedSuffix = ".cleaned";
    public const string SwapSuffix = ".swap";
    public const string DeleteDirectorySuffix = "-delete";
    public const string FutureDirectorySuffix = "-future";
    public const string StrayDirectorySuffix = "-stray";
    public const string CleanShutdown = ".kafka_cleanshutdown";
    public const string Lock = ".lock";
    public const string MetaProperties = "meta.properties";
    public const string RecoveryPoints = "recovery-point-offset-checkpoint";
    public const string LogStartOffsets = "log-start-offset-checkpoint";
    public const string HighWatermarks = "replication-offset-checkpoint";
    public const string CleanerOffsets = "cleaner-offset-checkpoint";
    public const string LogEnds = "log-end-checkpoint";
    public const string LeaderEpochs = "leader-epoch-checkpoint";
    public const string PartitionMetadata = "partition.metadata";

    /// <summary>The longest directory name Kafka allows, so that a deleted one still fits 255.</summary>
    public const int DirectoryNameMax = 255;

    /// <summary>A segment's file: 20 digits and a suffix.</summary>
    public static string Segment(string directory, long baseOffset, string suffix) =>
        Path.Combine(directory, baseOffset.ToString("D20", CultureInfo.InvariantCulture) + suffix);

    private const int OffsetDigits = 20;

    /// <summary>The base offset in a segment's file name. A name of fewer digits is none: two files could say the same.</summary>
    public static bool TryParseOffset(string name, string suffix, out long baseOffset)
    {
        baseOffset = -1;
        return name.Length == OffsetDigits + suffix.Length && name.EndsWith(suffix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(0, name.Length - suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out baseOffset);
    }

    public static string PartitionDirectory(TopicPartition partition) => $"{partition.Topic}-{partition.Partition}";

    /// <summary>What a partition's directory is called while it waits to be deleted: topic-0.uniqueid-delete, the
    /// topic cut where the name would be too long.</summary>
    public static string DeletedDirectory(TopicPartition partition, Guid unique)
    {
        string tail = $"-{partition.Partition}.{unique:N}{DeleteDirectorySuffix}";
        string topic = partition.Topic;
        return (topic.Length + tail.Length > DirectoryNameMax ? topic[..(DirectoryNameMax - tail.Length)] : topic) + tail;
    }

    /// <summary>What a partition's directory is called while it is copied from another log directory:
    /// topic-0.uniqueid-future. It must not be cut: the partition is read from it.</summary>
    public static string FutureDirectory(TopicPartition partition, Guid unique) =>
        $"{partition.Topic}-{partition.Partition}.{unique:N}{FutureDirectorySuffix}";

    /// <summary>The partition that a directory's name says is copied into it.</summary>
    public static bool TryParseFuture(string directory, out TopicPartition partition)
    {
        partition = default;
        int dot = directory.LastIndexOf('.');
        return directory.EndsWith(FutureDirectorySuffix, StringComparison.Ordinal) && dot > 0
            && Guid.TryParseExact(directory.AsSpan(dot + 1, directory.Length - dot - 1 - FutureDirectorySuffix.Length), "N", out _)
            && TryParsePartition(directory[..dot], out partition);
    }

    /// <summary>Whether a directory holds the metadata log of Kafka in KRaft mode, which is no topic.</summary>
    public static bool IsKRaftMetadata(string directory) => directory == "__cluster_metadata-0";

    /// <summary>The partition that a directory's name says it holds.</summary>
    public static bool TryParsePartition(string directory, out TopicPartition partition)
    {
        partition = default;
        int dash = directory.LastIndexOf('-');
        if (dash <= 0 || !int.TryParse(directory.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            return false;
        }
        partition = new TopicPartition(directory[..dash], number);
        return true;
    }
}
