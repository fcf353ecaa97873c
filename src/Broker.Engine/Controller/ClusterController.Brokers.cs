using Broker.Engine.Administration;
using Broker.Engine.Coordination;
using Broker.Engine.Diagnostics;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Controller;

/// <summary>Brokers that come, go, come back, and shut down.</summary>
internal sealed partial class ClusterController
{
    /// <summary>How long brokers have to hear who leads instead of one that stops.</summary>
    private static readonly TimeSpan s_handOver = TimeSpan.FromMilliseconds(500);

    private async Task ReadBrokersAsync()
    {
        Dictionary<int, BrokerRegistration> live = await LiveBrokersAsync().ConfigureAwait(false);
        HashSet<int> gone = [.. _channels.Keys.Where(id => !live.ContainsKey(id))];
        HashSet<int> bounced =
            [.. _channels.Values.Where(c => live.TryGetValue(c.Broker.Id, out var now) && now.Epoch != c.Epoch).Select(c => c.Broker.Id)];
        HashSet<int> reborn = [.. bounced.Where(id => live[id].FirstEpoch > _channels[id].Epoch)];
        HashSet<int> newcomers = [.. live.Keys.Where(id => !_channels.ContainsKey(id)), .. bounced];
        bool isModified = TakeModified(live);
        foreach (int id in gone.Concat(bounced))
        {
            BrokerChannel channel = _channels[id];
            _channels.Remove(id);
            _offline.Remove(id);
            _shuttingDown.Remove(id);
            LogBrokerGone(id);
            _ = channel.DisposeAsync().AsTask();   // it may be waiting for a dead socket
        }
        foreach (int id in newcomers)
        {
            _channels.Add(id, new BrokerChannel(live[id].Broker, live[id].Epoch, _socketTimeout, _dialer, _logger)
            {
                FirstEpoch = live[id].FirstEpoch,
            });
            LogBrokerHere(id, live[id].Epoch);
        }
        _lines = [.. _channels.Values];
        if (gone.Count > 0 || newcomers.Count > 0)
        {
            await TakeInAsync(gone, bounced, reborn, newcomers).ConfigureAwait(false);
        }
        if (isModified)
        {
            var batch = new ControllerBatch();
            batch.Brokers();
            batch.Send(NewSender());
        }
    }

    /// <summary>Finds leaders for what brokers that went had led, and for what those that came can lead, and tells everyone.</summary>
    /// <param name="gone">Those that went.</param>
    /// <param name="bounced">Those that were away, unseen.</param>
    /// <param name="reborn">Those of them that are another process now.</param>
    /// <param name="newcomers">Those that came, or came back.</param>
    private async Task TakeInAsync(HashSet<int> gone, HashSet<int> bounced, HashSet<int> reborn, HashSet<int> newcomers)
    {
        List<ControlledPartition> all = [.. Shown().SelectMany(t => t.Partitions.Values)];
        ControllerSender sender = NewSender();
        if (newcomers.Count > 0)
        {
            // Brokers of Kafka follow no leader that they have not heard of: so all hear of the brokers before they get roles.
            List<UpdateMetadataRequest.UpdateMetadataTopicState> known = sender.DescribeTopics(all);
            foreach (BrokerChannel channel in _channels.Values)
            {
                bool isNew = newcomers.Contains(channel.Broker.Id);
                sender.SendMetadata(channel, isNew ? known : [], isFull: isNew);
            }
        }
        HashSet<ControlledPartition> fresh = [.. all.Where(p => p.State is null)];
        // Whoever was away unseen has lost its leaderships first, and may be elected again then: one life, one leader epoch.
        Absence AbsenceOf(ControlledPartition partition, int broker) =>
            !newcomers.Contains(broker) || !_channels.TryGetValue(broker, out BrokerChannel? line) ? Absence.None
            : reborn.Contains(broker) || line.FirstEpoch > partition.FoundZxid ? Absence.Life
            : bounced.Contains(broker) || line.Epoch > partition.FoundZxid ? Absence.Session
            : Absence.None;
        List<ControlledPartition> changed = await DecideAsync(all, some => Elections(some, AbsenceOf)).ConfigureAwait(false);
        var batch = new ControllerBatch();
        foreach (int id in newcomers)
        {
            batch.Welcome(id, isAll: _unreadable.Count == 0);
        }
        if (gone.Count > 0)
        {
            batch.Brokers();
        }
        foreach (ControlledPartition partition in all)
        {
            bool isTouched = false;
            foreach (int replica in partition.Replicas)
            {
                isTouched |= gone.Contains(replica) || newcomers.Contains(replica);
                if (newcomers.Contains(replica))
                {
                    batch.Roles(partition, [replica]);
                }
            }
            if (isTouched)
            {
                batch.Metadata(partition);   // which of its replicas are offline has changed
            }
        }
        Tell(batch, changed.Where(p => !fresh.Contains(p)));
        Tell(batch, changed.Where(fresh.Contains), isNew: true);
        batch.Send(sender);
        await ResumeReassignmentsAsync(p => p.Assignment.Replicas.Any(newcomers.Contains)).ConfigureAwait(false);
        await ResumeDeletionsAsync(newcomers).ConfigureAwait(false);
    }

    /// <summary>The states of partitions that are to change as replicas are online now.</summary>
    /// <param name="partitions">Where to look.</param>
    /// <param name="absenceOf">How a broker was away since a partition's state was written: those that were least are in sync and
    /// lead first.</param>
    private List<(ControlledPartition Partition, PartitionStateNode State)> Elections(
        IEnumerable<ControlledPartition> partitions, Func<ControlledPartition, int, Absence>? absenceOf = null)
    {
        var changes = new List<(ControlledPartition, PartitionStateNode)>();
        var unclean = new Dictionary<ControlledTopic, bool>();
        foreach (ControlledPartition partition in partitions)
        {
            if (partition.State is not { } state)
            {
                if (LeaderElection.First(partition.Replicas, r => IsOnline(partition, r)) is { } first)
                {
                    changes.Add((partition, first));
                }
                continue;
            }
            bool stays = StillLeads(partition, state) && (absenceOf is null || absenceOf(partition, state.Leader) == Absence.None);
            bool IsOnlineNow(int broker) => IsOnline(partition, broker) || (stays && broker == state.Leader);
            PartitionStateNode? Among(Absence most) => absenceOf is null ? null
                : LeaderElection.Offline(partition.Replicas, state, r => absenceOf(partition, r) <= most && IsOnlineNow(r), allowUnclean: false);
            PartitionStateNode? next = Among(Absence.None);
            if ((next ?? state).Leader == PartitionImage.NoLeader)
            {
                next = Among(Absence.Session) ?? next;   // who began a new life may lack what such a one still has
            }
            bool allow = false;
            if (!(next ?? state).InSyncReplicas.Any(IsOnlineNow)
                && !unclean.TryGetValue(partition.Topic, out allow))
            {
                allow = _setup.AllowsUnclean(partition.Topic.Name);
                unclean.Add(partition.Topic, allow);
            }
            if ((LeaderElection.Offline(partition.Replicas, next ?? state, IsOnlineNow, allow) ?? next) is { } elected)
            {
                CountUnclean(state, elected);
                changes.Add((partition, elected with { LeaderEpoch = state.LeaderEpoch + 1 }));
            }
        }
        return changes;
    }

    /// <summary>How a broker was away, least first.</summary>
    private enum Absence
    {
        None,

        /// <summary>Its session expired, and the same process came back.</summary>
        Session,

        /// <summary>Its process is another one: with the power it may have lost what it had not synced.</summary>
        Life,
    }

    private void CountUnclean(PartitionStateNode before, PartitionStateNode after)
    {
        if (LeaderElection.IsUnclean(before, after))
        {
            _metrics.UncleanElections.Mark(1);
        }
    }

    /// <summary>Tells the replicas of partitions that have changed their roles, and everyone how they stand.</summary>
    private static void Tell(ControllerBatch batch, IEnumerable<ControlledPartition> changed, bool isNew = false)
    {
        foreach (ControlledPartition partition in changed)
        {
            batch.Roles(partition, partition.Replicas, isNew);
            batch.Metadata(partition);
        }
    }

    private bool IsOnline(ControlledPartition partition, int broker) =>
        _channels.ContainsKey(broker) && !_shuttingDown.Contains(broker) && HasDisk(partition, broker);

    /// <summary>Whether a leader that shuts down has nobody to hand over to yet: it goes on leading until it is gone.</summary>
    private bool StillLeads(ControlledPartition partition, PartitionStateNode state) =>
        _shuttingDown.Contains(state.Leader) && _channels.ContainsKey(state.Leader) && HasDisk(partition, state.Leader)
        && !state.InSyncReplicas.Any(r => IsOnline(partition, r));

    private bool HasDisk(ControlledPartition partition, int broker) =>
        !_offline.TryGetValue(broker, out HashSet<ControlledPartition>? lost) || !lost.Contains(partition);

    /// <summary>Takes its leaderships from a broker that is about to stop. It is answered when every broker has been told, or a
    /// moment has passed: one that stops at once would leave clients with the leaders of before, all the more where it is the
    /// controller that stops.</summary>
    public async Task<ControlledShutdownResponse> ShutDownAsync(ControlledShutdownRequest request)
    {
        Task told = Task.CompletedTask;
        ControlledShutdownResponse response = await AskAsync(
            ControllerActivity.ControlledShutdown,
            async () =>
            {
                ControlledShutdownResponse answer = await ShutDownBrokerAsync(request).ConfigureAwait(false);
                told = Task.WhenAny(
                    Task.WhenAll(_channels.Values.Select(c => c.WhenAnswered())), Task.Delay(s_handOver, _time, Stopping));
                return answer;
            },
            static error => new ControlledShutdownResponse { ErrorCode = error }).ConfigureAwait(false);
        await told.ConfigureAwait(false);
        return response;
    }

    private async Task<ControlledShutdownResponse> ShutDownBrokerAsync(ControlledShutdownRequest request)
    {
        int id = request.BrokerId;
        if (!_channels.TryGetValue(id, out BrokerChannel? channel))
        {
            return new ControlledShutdownResponse { ErrorCode = ErrorCode.BrokerNotAvailable };
        }
        if (request.BrokerEpoch >= 0 && request.BrokerEpoch < channel.Epoch)
        {
            return new ControlledShutdownResponse { ErrorCode = ErrorCode.StaleBrokerEpoch };
        }
        LogShuttingDown(id);
        _hasActed |= _shuttingDown.Add(id);
        List<ControlledPartition> here =
            [.. Shown().SelectMany(t => t.Partitions.Values).Where(p => p.State is not null && p.Replicas.Length > 1 && p.Replicas.Contains(id))];
        HashSet<ControlledPartition> led = [.. here.Where(p => p.State!.Leader == id)];
        var batch = new ControllerBatch();
        foreach (ControlledPartition partition in here.Where(p => !led.Contains(p)))
        {
            batch.Stop(partition, id, delete: false);
        }
        foreach (ControlledPartition partition in await DecideAsync(here, some => HandOver(some, id)).ConfigureAwait(false))
        {
            // Told of the new epoch, it would follow in it once more, and leaders would wait for it as for one that may be in sync.
            batch.Roles(partition, partition.Replicas.Where(r => r != id || led.Contains(partition)));
            batch.Metadata(partition);
        }
        batch.Send(NewSender());
        var response = new ControlledShutdownResponse();
        response.RemainingPartitions.AddRange(here.Where(p => p.State!.Leader == id).Select(p =>
            new ControlledShutdownResponse.RemainingPartition { TopicName = p.Topic.Name, PartitionIndex = p.Index }));
        return response;
    }

    /// <summary>Gives producer ids to a broker that does not take them from the tree itself.</summary>
    public Task<AllocateProducerIdsResponse> AllocateProducerIdsAsync(AllocateProducerIdsRequest request) => AskAsync(
        ControllerActivity.Idle, () => TakeProducerIdsAsync(request),
        static error => new AllocateProducerIdsResponse { ErrorCode = error });

    private async Task<AllocateProducerIdsResponse> TakeProducerIdsAsync(AllocateProducerIdsRequest request)
    {
        if (!_channels.TryGetValue(request.BrokerId, out BrokerChannel? channel))
        {
            return new AllocateProducerIdsResponse { ErrorCode = ErrorCode.BrokerIdNotRegistered };
        }
        if (channel.Epoch != request.BrokerEpoch)
        {
            return new AllocateProducerIdsResponse { ErrorCode = ErrorCode.StaleBrokerEpoch };
        }
        return await ProducerIds.TakeBlockAsync(_session, request.BrokerId, Stopping).ConfigureAwait(false) is { } first
            ? new AllocateProducerIdsResponse { ProducerIdStart = first, ProducerIdLen = ProducerIds.BlockSize }
            : new AllocateProducerIdsResponse { ErrorCode = ErrorCode.UnknownServerError };
    }

    private List<(ControlledPartition Partition, PartitionStateNode State)> HandOver(IEnumerable<ControlledPartition> partitions, int broker)
    {
        var changes = new List<(ControlledPartition, PartitionStateNode)>();
        foreach (ControlledPartition partition in partitions)
        {
            if (LeaderElection.ControlledShutdown(broker, partition.Replicas, partition.State!, r => IsOnline(partition, r)) is { } next)
            {
                changes.Add((partition, next));
            }
        }
        return changes;
    }

    [LoggerMessage(7020, LogLevel.Information, "broker {Id} is here, epoch {Epoch}", EventName = "BrokerHere")]
    private partial void LogBrokerHere(int id, long epoch);

    [LoggerMessage(7021, LogLevel.Information, "broker {Id} is gone", EventName = "BrokerGone")]
    private partial void LogBrokerGone(int id);

    [LoggerMessage(7022, LogLevel.Information, "broker {Id} shuts down; others take its leaderships", EventName = "BrokerShutsDown")]
    private partial void LogShuttingDown(int id);
}
