using Broker.Engine.Storage;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Replication.Fetching;

/// <summary>What a fetcher wants to be sent.</summary>
internal enum FetcherStep
{
    /// <summary>Nothing now.</summary>
    Idle,

    /// <summary><see cref="ReplicaFetcher.Fetch"/>.</summary>
    Fetch,

    /// <summary><see cref="ReplicaFetcher.Offsets"/>.</summary>
    Offsets,
}

/// <summary>
/// Follows a set of partitions that one broker leads: says what to send next, and takes the answers to their logs. It knows no
/// socket and no thread; whoever drives it sends what <see cref="Next"/> says and calls <see cref="OnFetched"/>,
/// <see cref="OnOffsets"/> or <see cref="OnFailed"/> before it asks again. After Kafka's AbstractFetcherThread with
/// RemoteLeaderEndPoint. Under its driver's lock.
/// </summary>
internal sealed partial class ReplicaFetcher
{
    /// <summary>The pause after a first failure; it doubles up to replica.fetch.backoff.ms. A new leader often needs only a moment to
    /// hear of its role.</summary>
    private const int FirstBackoffMs = 20;

    private const long EndTimestamp = -1;
    private const long StartTimestamp = -2;

    private readonly Dictionary<Partition, FetchedPartition> _partitions = [];
    private readonly List<FetchedPartition> _order = [];
    private readonly List<FetchedPartition> _asked = [];
    private readonly FetcherOptions _options;
    private readonly PartitionTable _table;
    private readonly MonotonicClock _clock;
    private readonly Func<long> _brokerEpoch;
    private readonly ILogger _logger;
    private bool _isSorted;

    /// <param name="options">The configuration.</param>
    /// <param name="table">Finds a partition by what an answer calls it.</param>
    /// <param name="clock">The broker's.</param>
    /// <param name="brokerEpoch">This broker's registration.</param>
    /// <param name="logger">The broker's log.</param>
    public ReplicaFetcher(FetcherOptions options, PartitionTable table, MonotonicClock clock, Func<long> brokerEpoch, ILogger logger)
    {
        _options = options;
        _table = table;
        _clock = clock;
        _brokerEpoch = brokerEpoch;
        _logger = logger;
    }

    /// <summary>The request of <see cref="FetcherStep.Fetch"/>, and the version that it is made for.</summary>
    public FetchRequest Fetch { get; } = new();

    public short FetchVersion { get; private set; }

    /// <summary>The request of <see cref="FetcherStep.Offsets"/>.</summary>
    public ListOffsetsRequest Offsets { get; } = new();

    /// <summary>How long to wait after <see cref="FetcherStep.Idle"/>, unless something is added.</summary>
    public long IdleMs { get; private set; }

    public int Count => _order.Count;

    /// <summary>The partitions, for metrics and people.</summary>
    public IReadOnlyList<FetchedPartition> Partitions => _order;

    /// <summary>Called when a partition is followed no more because its log, or its leader, will not have it.</summary>
    public Action<Partition>? Failed { get; set; }

    /// <summary>Called with the bytes that were appended.</summary>
    public Action<Partition, int>? Appended { get; set; }

    /// <summary>What throttled followers may take, or null.</summary>
    public ReplicationQuota? Quota { get; set; }

    /// <summary>Begins to follow a partition.</summary>
    /// <exception cref="IOException">Its log could not be brought to where following begins.</exception>
    public void Add(Partition partition, int leaderEpoch)
    {
        Remove(partition);
        var added = new FetchedPartition(partition, leaderEpoch);
        added.Begin();
        Reclaim(added);
        _partitions.Add(partition, added);
        _order.Add(added);
        _isSorted = false;
    }

    /// <summary>Follows a partition no more: nothing is appended to its log or cut from it any more when this returns.</summary>
    public bool Remove(Partition partition)
    {
        if (!_partitions.Remove(partition, out FetchedPartition? gone))
        {
            return false;
        }
        _order.Remove(gone);
        Forget(gone);
        return true;
    }

    public FetchedPartition? Find(Partition partition) => _partitions.GetValueOrDefault(partition);

    /// <summary>Says what to send now.</summary>
    /// <param name="versionMax">The highest version of Fetch that the leader knows.</param>
    public FetcherStep Next(short versionMax)
    {
        _asked.Clear();
        long now = _clock.NowMs;
        if (TryAskOffsets(FetchStage.AskingEnd, EndTimestamp, now) || TryAskOffsets(FetchStage.AskingStart, StartTimestamp, now))
        {
            return FetcherStep.Offsets;
        }
        if (TryBuildFetch(versionMax, now))
        {
            return FetcherStep.Fetch;
        }
        IdleMs = NextDelayMs();
        return FetcherStep.Idle;
    }

    /// <summary>Milliseconds until a partition may be asked for again.</summary>
    public long NextDelayMs()
    {
        long now = _clock.NowMs;
        long next = now + _options.BackoffMs;
        long quotaMs = Quota?.WaitMs ?? 0;
        foreach (FetchedPartition one in _order)
        {
            next = Math.Min(next, Math.Max(one.DelayedUntilMs, now + (quotaMs > 0 && IsThrottled(one) ? quotaMs : 1)));
        }
        return next - now;
    }

    /// <summary>Whether a partition waits where the quota is used up. One that has caught up is in sync, and stays so.</summary>
    private static bool IsThrottled(FetchedPartition one) =>
        one.Stage == FetchStage.Fetching && one.Lag != 0 && one.Partition.CountsByFollowerQuota;

    private bool TryAskOffsets(FetchStage stage, long timestamp, long now)
    {
        Offsets.ReplicaId = _options.BrokerId;
        Offsets.Topics.Clear();
        foreach (FetchedPartition one in _order)
        {
            if (one.Stage == stage && one.DelayedUntilMs <= now)
            {
                var topic = new ListOffsetsRequest.ListOffsetsTopic { Name = one.Partition.Topic.Name };
                topic.Partitions.Add(new()
                {
                    PartitionIndex = one.Partition.Index,
                    CurrentLeaderEpoch = one.LeaderEpoch,
                    Timestamp = timestamp,
                });
                Offsets.Topics.Add(topic);
                _asked.Add(one);
            }
        }
        return _asked.Count > 0;
    }

    /// <summary>The connection failed: everything is tried again after a pause, in a new session.</summary>
    public void OnFailed()
    {
        EndSession();
        DelayAsked();
        _asked.Clear();
    }

    private void DelayAsked()
    {
        foreach (FetchedPartition one in _asked)
        {
            Delay(one);
        }
    }

    private void Delay(FetchedPartition one)
    {
        one.AskedOffset = -1;
        int pause = FirstBackoffMs << one.Failures;
        one.Failures = Math.Min(one.Failures + 1, 20);
        one.DelayedUntilMs = _clock.NowMs + Math.Min(pause, _options.BackoffMs);
    }

    /// <summary>Delays all partitions: there is no way to their leader now.</summary>
    public void DelayAll()
    {
        EndSession();
        _order.ForEach(Delay);
    }

    /// <summary>The way to the leader may be open again: nothing is waited for any longer.</summary>
    public void Hurry() => _order.ForEach(o => o.DelayedUntilMs = long.MinValue);

    private void Fail(FetchedPartition one, string reason)
    {
        LogFailed(one.Partition.Id, reason);
        Remove(one.Partition);
        Failed?.Invoke(one.Partition);
    }

    /// <summary>Takes the offsets of the leader's log: what lies beyond its end is cut; what begins after this log's end is
    /// begun anew (Kafka: fetchOffsetAndTruncate).</summary>
    public void OnOffsets(ListOffsetsResponse response)
    {
        foreach (ListOffsetsResponse.ListOffsetsTopicResponse topic in response.Topics)
        {
            HostedTopic? hosted = _table.Find(topic.Name);
            foreach (ListOffsetsResponse.ListOffsetsPartitionResponse answer in topic.Partitions)
            {
                if (hosted?.Find(answer.PartitionIndex) is { } partition && Find(partition) is { } one && _asked.Contains(one))
                {
                    Guard(one, () => TakeOffset(one, answer));
                }
            }
        }
        _asked.Clear();
    }

    private void TakeOffset(FetchedPartition one, ListOffsetsResponse.ListOffsetsPartitionResponse answer)
    {
        if (answer.ErrorCode == ErrorCode.FencedLeaderEpoch)
        {
            Fail(one, "its leader is of a later epoch");
            return;
        }
        if (answer.ErrorCode != ErrorCode.None || answer.Offset < 0)
        {
            Delay(one);
            return;
        }
        PartitionLog log = one.Partition.Log;
        if (one.Stage == FetchStage.AskingEnd)
        {
            one.LeaderEndOffset = answer.Offset;
            if (answer.Offset >= log.LogEndOffset)
            {
                one.Stage = FetchStage.AskingStart;
                return;
            }
            LogReset(one.Partition.Id, log.LogEndOffset, answer.Offset);
            one.Partition.TruncateTo(answer.Offset);
        }
        else if (answer.Offset > log.LogEndOffset)
        {
            LogStartsOver(one.Partition.Id, log.LogEndOffset, answer.Offset);
            one.Partition.TruncateFullyAndStartAt(answer.Offset);
        }
        one.FetchFromEnd();
    }

    /// <summary>A log that fails takes out its own partition only.</summary>
    private void Guard(FetchedPartition one, Action work)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Fail(one, e.Message);
        }
    }

    [LoggerMessage(4030, LogLevel.Warning, "{Partition} is followed no more until the controller says so again: {Reason}", EventName = "FollowingFailed")]
    private partial void LogFailed(TopicPartition partition, string reason);

    [LoggerMessage(4031, LogLevel.Warning, "{Partition}: its log ends at {End}, its leader's at {LeaderEnd}, and is cut there", EventName = "CutToLeaderEnd")]
    private partial void LogReset(TopicPartition partition, long end, long leaderEnd);

    [LoggerMessage(4032, LogLevel.Warning, "{Partition}: its log ends at {End}, its leader's begins at {LeaderStart}, where it begins anew", EventName = "BeginsAtLeaderStart")]
    private partial void LogStartsOver(TopicPartition partition, long end, long leaderStart);
}
