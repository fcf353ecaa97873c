using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>AlterReplicaLogDirs: begins to move partitions to other log directories of this broker.</summary>
internal sealed class AlterReplicaLogDirsHandler(ReplicaManager replicas, MetadataCache metadata)
    : DirectHandler<AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse>
{
    protected override AlterReplicaLogDirsResponse Handle(RequestContext context, AlterReplicaLogDirsRequest request)
    {
        var response = new AlterReplicaLogDirsResponse();
        var asked = request.Dirs.SelectMany(
            d => d.Topics, (d, t) => t.Partitions.Select(p => (Id: new TopicPartition(t.Name, p), d.Path))).SelectMany(all => all);
        foreach (IGrouping<string, (TopicPartition Id, string Path)> topic in asked.GroupBy(a => a.Id.Topic))
        {
            var result = new AlterReplicaLogDirsResponse.AlterReplicaLogDirTopicResult { TopicName = topic.Key };
            foreach ((TopicPartition id, string path) in topic)
            {
                result.Partitions.Add(new()
                {
                    PartitionIndex = id.Partition,
                    ErrorCode = replicas.Move(metadata.Current, id, path),
                });
            }
            response.Results.Add(result);
        }
        return response;
    }
}
