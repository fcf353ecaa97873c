using Broker.Engine.Handlers.Admin;
using Broker.Engine.Handlers.Fetch;
using Broker.Engine.Handlers.Groups;
using Broker.Engine.Handlers.Produce;
using Broker.Engine.Replication;
using Broker.Engine.Requests;

namespace Broker.Engine.Handlers;

/// <summary>The one list of what a broker serves: ApiVersions answers from it.</summary>
internal static class AllHandlers
{
    /// <summary>Most partitions that one DescribeTopicPartitions answers (max.request.partition.size.limit).</summary>
    private const string DescribePartitionsMax = "max.request.partition.size.limit";

    public static IEnumerable<ApiHandler> Of(BrokerServer broker)
    {
        broker.Fetches = new FetchHandler(
            broker.Replicas, broker.Metadata, broker.FetchPurgatory, broker.Transport, broker.Clock, broker.ColdReaders,
            new FetchOptions(
                broker.Config.Static.Int("fetch.max.bytes"), broker.Config.Static.Int("max.incremental.fetch.session.cache.slots"),
                broker.Config.Static.Text("replica.selector.class") == RackAwareReplicaSelector.ClassName),
            new Random(broker.Id));
        broker.Produces = new ProduceHandler(
            broker.Replicas, broker.Metadata, broker.ProducePurgatory, broker.Transport, broker.Clock);
        var control = new ControlOrder();
        return
        [
            broker.Produces,
            broker.Fetches,
            new ListOffsetsHandler(broker.Replicas, broker.Metadata),
            new OffsetForLeaderEpochHandler(broker.Replicas, broker.Metadata),
            new MetadataHandler(broker.Metadata, broker.ClusterId, broker.AutoCreation, broker.Waits),
            new DescribeTopicPartitionsHandler(broker.Metadata, broker.Config.Static.Int(DescribePartitionsMax)),
            new DescribeClusterHandler(broker.Metadata, broker.ClusterId),
            new DescribeLogDirsHandler(broker.Logs, broker.Replicas.HighWatermarkOf),
            new AlterReplicaLogDirsHandler(broker.Replicas, broker.Metadata),
            new DescribeProducersHandler(broker.Replicas, broker.Metadata),
            new DeleteRecordsHandler(broker.Replicas, broker.Logs, broker.Metadata, broker.DeleteRecordsPurgatory),
            new InitProducerIdHandler(broker.ProducerIds),
            new CreateTopicsHandler(broker.Topics, broker.Waits, broker.Config),
            new DeleteTopicsHandler(broker.Topics, broker.Waits, broker.Metadata),
            new CreatePartitionsHandler(broker.Topics, broker.Waits),
            new DescribeConfigsHandler(broker.Config, broker.Metadata, broker.Loggers),
            new AlterConfigsHandler(broker.Configs, broker.Id),
            new IncrementalAlterConfigsHandler(broker.Configs, broker.Loggers, broker.Id),
            new FindCoordinatorHandler(broker.Groups, broker.Metadata, broker.AutoCreation),
            new JoinGroupHandler(broker.Groups),
            new SyncGroupHandler(broker.Groups),
            new HeartbeatHandler(broker.Groups),
            new LeaveGroupHandler(broker.Groups),
            new OffsetCommitHandler(broker.Groups),
            new OffsetFetchHandler(broker.Groups, broker.Metadata),
            new OffsetDeleteHandler(broker.Groups),
            new DescribeGroupsHandler(broker.Groups),
            new ListGroupsHandler(broker.Groups),
            new DeleteGroupsHandler(broker.Groups),
            new LeaderAndIsrHandler(broker.Replicas, broker.Config, control, () => broker.Membership.BrokerEpoch),
            new StopReplicaHandler(broker.Replicas, control, () => broker.Membership.BrokerEpoch),
            new UpdateMetadataHandler(broker.Metadata, broker.Replicas, control, () => broker.Membership.BrokerEpoch),
            new AlterPartitionHandler(() => broker.Membership.Controller),
            new ControlledShutdownHandler(() => broker.Membership.Controller),
            new AllocateProducerIdsHandler(() => broker.Membership.Controller),
            new ElectLeadersHandler(broker.ReplicaAdministration, broker.Waits),
            new AlterPartitionReassignmentsHandler(broker.ReplicaAdministration),
            new ListPartitionReassignmentsHandler(broker.ReplicaAdministration),
        ];
    }
}
