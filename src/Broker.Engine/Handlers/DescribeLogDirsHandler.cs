using Broker.Engine.Requests;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>DescribeLogDirs: the broker's log directories, what lies in them, and the volume's bytes.</summary>
internal sealed class DescribeLogDirsHandler(LogManager logs, Func<TopicPartition, long?> highWatermarkOf)
    : DirectHandler<DescribeLogDirsRequest, DescribeLogDirsResponse>
{
    protected override DescribeLogDirsResponse Handle(RequestContext context, DescribeLogDirsRequest request)
    {
        HashSet<TopicPartition>? wanted = request.Topics is { } topics
            ? [.. topics.SelectMany(t => t.Partitions.Select(p => new TopicPartition(t.Topic, p)))] : null;
        ILookup<string, HeldLog> byDirectory = logs.Logs.Select(l => new HeldLog(l, Of: null))
            .Concat(logs.Moves.Select(m => new HeldLog(m.To, Of: m.From)))
            .Where(l => wanted is null || wanted.Contains(l.Log.Partition))
            .ToLookup(l => l.Log.ParentDirectory);
        var response = new DescribeLogDirsResponse();
        foreach (LogDirectory directory in logs.Directories)
        {
            response.Results.Add(Describe(directory, byDirectory[directory.Path]));
        }
        return response;
    }

    private DescribeLogDirsResponse.DescribeLogDirsResult Describe(LogDirectory directory, IEnumerable<HeldLog> held)
    {
        var result = new DescribeLogDirsResponse.DescribeLogDirsResult { LogDir = Path.GetFullPath(directory.Path) };
        if (!directory.IsOnline)
        {
            result.ErrorCode = ErrorCode.KafkaStorageError;
            return result;
        }
        try
        {
            (result.TotalBytes, result.UsableBytes) = directory.Disk.Volume(directory.Path);
        }
        catch (IOException)
        {
            result.ErrorCode = ErrorCode.KafkaStorageError;
            return result;
        }
        foreach (IGrouping<string, HeldLog> topic in held.GroupBy(l => l.Log.Partition.Topic).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var described = new DescribeLogDirsResponse.DescribeLogDirsTopic { Name = topic.Key };
            foreach (HeldLog one in topic.OrderBy(l => l.Log.Partition.Partition))
            {
                PartitionLog log = one.Log;
                long goal = one.Of?.LogEndOffset ?? highWatermarkOf(log.Partition) ?? log.LogEndOffset;
                described.Partitions.Add(new()
                {
                    PartitionIndex = log.Partition.Partition,
                    PartitionSize = log.SizeBytes,
                    OffsetLag = Math.Max(0, goal - log.LogEndOffset),
                    IsFutureKey = one.Of is not null,
                });
            }
            result.Topics.Add(described);
        }
        return result;
    }

    /// <summary>A log in a directory.</summary>
    /// <param name="Log">The log.</param>
    /// <param name="Of">Of a future log, that whose place it is to take.</param>
    private readonly record struct HeldLog(PartitionLog Log, PartitionLog? Of);
}
