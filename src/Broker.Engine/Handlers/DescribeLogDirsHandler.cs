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
        ILookup<string, PartitionLog> byDirectory = logs.Logs
            .Where(l => wanted is null || wanted.Contains(l.Partition))
            .ToLookup(l => l.ParentDirectory);
        var response = new DescribeLogDirsResponse();
        foreach (LogDirectory directory in logs.Directories)
        {
            response.Results.Add(Describe(directory, byDirectory[directory.Path]));
        }
        return response;
    }

    private DescribeLogDirsResponse.DescribeLogDirsResult Describe(LogDirectory directory, IEnumerable<PartitionLog> held)
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
        foreach (IGrouping<string, PartitionLog> topic in held.GroupBy(l => l.Partition.Topic).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var described = new DescribeLogDirsResponse.DescribeLogDirsTopic { Name = topic.Key };
            foreach (PartitionLog log in topic.OrderBy(l => l.Partition.Partition))
            {
                described.Partitions.Add(new()
                {
                    PartitionIndex = log.Partition.Partition,
                    PartitionSize = log.SizeBytes,
                    OffsetLag = Math.Max(0, (highWatermarkOf(log.Partition) ?? log.LogEndOffset) - log.LogEndOffset),
                });
            }
            result.Topics.Add(described);
        }
        return result;
    }
}
