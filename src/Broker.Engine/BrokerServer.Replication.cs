using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Replication.Fetching;
using Broker.Protocol.Messages;

namespace Broker.Engine;

/// <summary>What makes a broker lead and follow.</summary>
internal sealed partial class BrokerServer
{
    private IsrUpdates? _isrUpdates;

    private void StartReplication()
    {
        var context = new ReplicationContext(Id, Clock)
        {
            LagTimeMaxMs = Config.Static.Long("replica.lag.time.max.ms"),
            ProducePurgatory = ProducePurgatory,
            IsAlive = broker => Metadata.Current.IsAlive(broker),
            IsrChanged = joined => (joined ? Metrics.IsrExpands : Metrics.IsrShrinks).Mark(1),
            IsrUpdateFailed = () => Metrics.FailedIsrUpdates.Mark(1),
            TellsHighWatermarkAtOnce = Config.Static.Text("replica.selector.class") == RackAwareReplicaSelector.ClassName,
            LeaderQuota = NewQuota(),
            FollowerQuota = NewQuota(),
        };
        _isrUpdates = new IsrUpdates(
            ControllerLine.SendAsync<AlterPartitionRequest, AlterPartitionResponse>, Id, () => Membership.BrokerEpoch,
            _environment.Time, _logger);
        context.Propose = _isrUpdates.Propose;
        Replicas = new ReplicaManager(context, Logs, Transport.OwnerThreads, _logger);
        FetcherOptions options = FetcherOptions.From(Config.Static);
        Replicas.Fetchers = new ReplicaFetcherManager(
            Config.Current.Int("num.replica.fetchers"), (source, index) => NewFetcher(source, index, options));
        TakeReplicationConfig();
    }

    private ReplicationQuota NewQuota() => new(
        Config.Static.Int("replication.quota.window.num"), Config.Static.Int("replication.quota.window.size.seconds"), Clock);

    private void TakeReplicationConfig()
    {
        if (Replicas is { Context: { LeaderQuota: { } leader, FollowerQuota: { } follower } } replicas)
        {
            leader.BytesPerSecondMax = Config.Current.Long("leader.replication.throttled.rate");
            follower.BytesPerSecondMax = Config.Current.Long("follower.replication.throttled.rate");
            replicas.Fetchers?.Resize(Config.Current.Int("num.replica.fetchers"));
        }
    }

    private ReplicaFetcherThread NewFetcher(int source, int index, FetcherOptions options)
    {
        var fetcher = new ReplicaFetcher(options, Replicas.Partitions, Clock, () => Membership.BrokerEpoch, _logger)
        {
            Quota = Replicas.Context.FollowerQuota,
            Failed = partition => Replicas.Fetchers?.OnFailed(partition),
            Appended = (_, bytes) => Replicas.Partitions.AllTopics.Mark(TopicMeter.ReplicationBytesIn, bytes),
        };
        return new ReplicaFetcherThread(
            source, index, fetcher, options, EndpointOf, Clock.Time, _logger, _environment.EventLoop is null ? null : _environment.Dialer);
    }

    /// <summary>Where another broker is reached by this one: as the cluster's picture has it, or as the controller said when it
    /// named it as a leader.</summary>
    internal BrokerEndpoint? EndpointOf(int broker)
    {
        if (Metadata.Current.Brokers.GetValueOrDefault(broker) is not { Endpoints.IsEmpty: false } image)
        {
            return Replicas.LiveLeader(broker);
        }
        string? listener = Config.Static.Text("inter.broker.listener.name");
        return (string.IsNullOrEmpty(listener) ? null : image.On(listener)) ?? image.Endpoints[0];
    }

    private async Task StopReplicationAsync()
    {
        if (_isrUpdates is { } updates)
        {
            await updates.DisposeAsync().ConfigureAwait(false);
        }
        if (_opened && Replicas?.Fetchers is { } fetchers)
        {
            await Task.Run(fetchers.Dispose).ConfigureAwait(false);
        }
    }
}
