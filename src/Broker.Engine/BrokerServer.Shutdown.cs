using Broker.Engine.Coordination;
using Broker.Engine.Handlers.Produce;
using Broker.Engine.Metadata;
using Broker.Engine.Network;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine;

/// <summary>How a broker leaves: without clients noticing, for others lead its partitions before it stops; or hard.</summary>
internal sealed partial class BrokerServer
{
    /// <summary>How long one attempt waits for the controller, milliseconds.</summary>
    private const int ShutdownAttemptMs = 5_000;

    /// <summary>How long clients are given to hear of the new leaders, milliseconds.</summary>
    private const int HandoverMs = 1_000;

    /// <summary>How long records that are appended are given to reach the other replicas, milliseconds.</summary>
    private const int SettleMs = 100;

    /// <summary>How long produce requests are held at most while others take the leaderships over, milliseconds.</summary>
    private const int HoldMs = 500;

    /// <summary>How long a quiet moment of producers' connections is waited for, milliseconds.</summary>
    private const int LetGoMs = 250;

    /// <summary>How long the answers to what was sent on are waited for at most, milliseconds.</summary>
    private const int LetGoMaxMs = 1_500;

    private ProduceHandover? _handover;

    /// <summary>Hands its leaderships over, leaves the cluster, ends the connections, and closes the logs so that they need no
    /// recovery.</summary>
    /// <param name="alongside">Brokers that stop at the same time.</param>
    public async Task StopAsync(IReadOnlySet<int> alongside)
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
        {
            return;
        }
        await HandOverAsync(alongside).ConfigureAwait(false);
        long epoch = Membership.BrokerEpoch;
        await Membership.DisposeAsync().ConfigureAwait(false);
        await EndThreadsAsync().ConfigureAwait(false);
        if (_opened)
        {
            Logs.CloseCleanly(epoch, p => Replicas.HighWatermarkToKeep(p));
        }
        else
        {
            Logs.Dispose();   // what was locked before the start failed
        }
        LogStopped(Id);
    }

    private async Task EndThreadsAsync()
    {
        await StopReplicationAsync().ConfigureAwait(false);
        await ControllerLine.DisposeAsync().ConfigureAwait(false);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await StopScheduleAsync().ConfigureAwait(false);
        Mover?.Dispose();
        Cleaner?.Dispose();
        Transport.Dispose();
        if (_handover is not null)
        {
            await _handover.DisposeAsync().ConfigureAwait(false);
        }
        ColdReaders.Dispose();
        Workers.Dispose();
        Timers.Dispose();
    }

    /// <summary>Ends as a killed process does: nobody is told, nothing is flushed or marked, and the session expires in its own
    /// time.</summary>
    /// <returns>The session that was left open.</returns>
    public async Task<ICoordinationSession?> AbandonAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
        {
            return null;
        }
        Transport.Dispose();
        ICoordinationSession? session = await Membership.AbandonAsync().ConfigureAwait(false);
        await EndThreadsAsync().ConfigureAwait(false);
        Logs.Dispose();
        LogAbandoned(Id);
        return session;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(new HashSet<int>()).ConfigureAwait(false);
        _stopping.Dispose();
    }

    /// <summary>Has others lead this broker's partitions (Kafka: KafkaServer.controlledShutdown). Nobody who produces notices:
    /// what comes meanwhile is held and then sent on to them.</summary>
    /// <param name="alongside">Brokers that stop at the same time: nothing is moved to them in the end.</param>
    private async Task HandOverAsync(IReadOnlySet<int> alongside)
    {
        if (!Config.Static.Bool("controlled.shutdown.enable") || Membership.BrokerEpoch < 0 || !IsAnyoneLeft(alongside))
        {
            return;
        }
        Replicas.IsLeaving = true;
        if (!LeadsReplicated(Metadata.Current, alongside))
        {
            await MoveLeadershipsAsync(alongside).ConfigureAwait(false);
            return;
        }
        var handover = new ProduceHandover(Id, Replicas, Metadata, Clock, _environment.Dialer, EndpointOf);
        _handover = handover;
        Task connected = handover.ConnectAsync(Metadata.Current.Brokers.Keys.Where(id => id != Id && !alongside.Contains(id)));
        Produces.HandOver(handover);
        using (_environment.Time.CreateTimer(
            _ => handover.Release(), null, TimeSpan.FromMilliseconds(HoldMs), Timeout.InfiniteTimeSpan))
        {
            try
            {
                if (await handover.SettleAsync(SettleMs).ConfigureAwait(false) is > 0 and var left)
                {
                    LogUnsettled(Id, left);
                }
                await MoveLeadershipsAsync(alongside).ConfigureAwait(false);
                await connected.ConfigureAwait(false);
            }
            finally
            {
                handover.Release();
            }
        }
        await LetProducersGoAsync(handover).ConfigureAwait(false);
    }

    /// <summary>Closes the connections of producers, each at a moment when none of its requests is under way.</summary>
    private async Task LetProducersGoAsync(ProduceHandover handover)
    {
        long began = Clock.NowMs;
        while (Clock.NowMs - began < (handover.UnderWay > 0 ? LetGoMaxMs : LetGoMs))
        {
            ClientConnection[] left = [.. EachConnection.Where(c => c.ProducesStill)];
            if (left.Length == 0)
            {
                return;
            }
            Array.ForEach(left, c => c.CloseIfQuiet());
            await Task.Delay(TimeSpan.FromMilliseconds(1), _environment.Time).ConfigureAwait(false);
        }
    }

    private async Task MoveLeadershipsAsync(IReadOnlySet<int> alongside)
    {
        TimeSpan backoff = TimeSpan.FromMilliseconds(Config.Static.Long("controlled.shutdown.retry.backoff.ms"));
        for (int attempts = Config.Static.Int("controlled.shutdown.max.retries"); attempts > 0; attempts--)
        {
            ControlledShutdownResponse response = await ReplicaAdministration.ShutDownAsync(
                new ControlledShutdownRequest { BrokerId = Id, BrokerEpoch = Membership.BrokerEpoch }, ShutdownAttemptMs,
                CancellationToken.None).ConfigureAwait(false);
            if (response.ErrorCode == ErrorCode.None && !response.RemainingPartitions.Any(p => CanMove(p, alongside)))
            {
                await Waits.WaitAsync(image => !LeadsReplicated(image, alongside), HandoverMs, $"stop of broker {Id}").ConfigureAwait(false);
                return;
            }
            LogHandover(Id, response.ErrorCode, response.RemainingPartitions.Count);
            if (!IsAnyoneLeft(alongside) || response.ErrorCode == ErrorCode.NotController)
            {
                return;   // nobody to hand over to, or nobody who could do it within the time
            }
            if (attempts > 1 && response.ErrorCode == ErrorCode.None)
            {
                await Task.Delay(backoff, _environment.Time).ConfigureAwait(false);
            }
        }
    }

    private bool IsAnyoneLeft(IReadOnlySet<int> alongside) =>
        Metadata.Current.Brokers.Keys.Any(id => id != Id && !alongside.Contains(id));

    /// <summary>Whether somebody else could lead a partition.</summary>
    private bool CanMove(ControlledShutdownResponse.RemainingPartition remaining, IReadOnlySet<int> alongside) =>
        Metadata.Current.Partition(remaining.TopicName, remaining.PartitionIndex) is { } partition && CanMove(partition, alongside);

    private bool CanMove(PartitionImage partition, IReadOnlySet<int> alongside) => partition.InSyncReplicas.Any(
        r => r != Id && !alongside.Contains(r) && Metadata.Current.IsAlive(r));

    private bool LeadsReplicated(MetadataImage image, IReadOnlySet<int> alongside) => image.Topics.Values.Any(
        t => t.Partitions.Any(p => p is not null && p.Leader == Id && p.Replicas.Length > 1 && CanMove(p, alongside)));

    [LoggerMessage(4, LogLevel.Information, "broker {Id} still leads {Count} partitions before it stops ({Error})", EventName = "HandoverGoesOn")]
    private partial void LogHandover(int id, ErrorCode error, int count);

    [LoggerMessage(5, LogLevel.Information, "broker {Id} stops though {Count} partitions that it leads have records that not all in-sync replicas have", EventName = "Unsettled")]
    private partial void LogUnsettled(int id, int count);

    [LoggerMessage(2, LogLevel.Information, "broker {Id} has stopped", EventName = "Stopped")]
    private partial void LogStopped(int id);

    [LoggerMessage(3, LogLevel.Warning, "broker {Id} was ended hard: it has flushed nothing and told nobody", EventName = "Abandoned")]
    private partial void LogAbandoned(int id);
}
