using Broker.Protocol.Messages;

namespace Broker.Engine.Replication.Fetching;

/// <summary>Building fetches: in a session (KIP-227) only what has changed is named. After Kafka's FetchSessionHandler.</summary>
internal sealed partial class ReplicaFetcher
{
    /// <summary>First version that names topics by id.</summary>
    private const short TopicIdVersion = 13;

    /// <summary>First version that says the follower's registration.</summary>
    private const short ReplicaStateVersion = 15;

    /// <summary>The least version that tells where logs part (KIP-595).</summary>
    public const short LowestVersion = 12;

    private readonly List<(HostedTopic Topic, int Partition)> _forgotten = [];
    private int _sessionId;
    private int _nextEpoch;
    private bool _sessionById;

    /// <summary>The session that the next full fetch ends, 0 for none.</summary>
    private int _replacedSessionId;

    /// <summary>
    /// Something of an answer was not taken in. A leader tells a high watermark once a session, as it answers, and not again when
    /// the partition comes back with another epoch (Kafka: CachedPartition.maybeUpdateResponseData): without a new session it
    /// would stay unknown here until it moves.
    /// </summary>
    private bool _unheard;

    /// <summary>The next fetch names everything.</summary>
    private void EndSession()
    {
        _unheard = false;
        _replacedSessionId = 0;
        _sessionId = 0;
        _nextEpoch = 0;
        _forgotten.Clear();
        foreach (FetchedPartition one in _order)
        {
            one.IsInSession = false;
        }
    }

    private void Forget(FetchedPartition one)
    {
        if (one.IsInSession)
        {
            one.IsInSession = false;
            _forgotten.Add((one.Partition.Topic, one.Partition.Index));
        }
    }

    /// <summary>A partition that comes back before the session heard that it went is still there, with other offsets.</summary>
    private void Reclaim(FetchedPartition one)
    {
        if (_forgotten.Count > 0 && _forgotten.Remove((one.Partition.Topic, one.Partition.Index)))
        {
            one.IsInSession = true;
            one.SentOffset = -1;
        }
    }

    private bool TryBuildFetch(short versionMax, long now)
    {
        Sort();
        if (_unheard)
        {
            int replaced = _sessionId;
            EndSession();
            _replacedSessionId = replaced;
        }
        bool allHaveIds = true;
        long quotaMs = Quota?.WaitMs ?? 0;
        long waitMs = _options.WaitMaxMs;
        foreach (FetchedPartition one in _order)
        {
            bool throttled = quotaMs > 0 && IsThrottled(one);
            if (one.Stage == FetchStage.Fetching && one.DelayedUntilMs <= now && !throttled)
            {
                _asked.Add(one);
                if (!one.IsInSession)
                {
                    Reclaim(one);   // a request that names it and forgets it too would forget it
                }
                allHaveIds &= one.Partition.Topic.Id != Guid.Empty;
            }
            else
            {
                one.AskedOffset = -1;
                Forget(one);
                // Its pause must not become as long as a long poll for the others.
                long until = Math.Max(one.DelayedUntilMs, throttled ? now + quotaMs : now);
                if (until > now)
                {
                    waitMs = Math.Min(waitMs, until - now);
                }
            }
        }
        if (_asked.Count == 0)
        {
            return false;
        }
        FetchVersion = allHaveIds ? versionMax : Math.Min(versionMax, (short)(TopicIdVersion - 1));
        bool byId = FetchVersion >= TopicIdVersion;
        if (byId != _sessionById)
        {
            EndSession();
            _sessionById = byId;
        }
        BuildHeader((int)waitMs);
        FetchRequest.FetchTopic? topic = null;
        HostedTopic? last = null;
        foreach (FetchedPartition one in _asked)
        {
            one.AskedOffset = one.FetchOffset;
            if (_sessionId != 0 && one.IsAsSent)
            {
                continue;
            }
            if (topic is null || last != one.Partition.Topic)
            {
                topic = AddTopic(last = one.Partition.Topic);
            }
            AddPartition(topic, one);
            one.Sent();
        }
        AddForgotten();
        return true;
    }

    private void BuildHeader(int waitMs)
    {
        Fetch.ReplicaId = FetchVersion >= ReplicaStateVersion ? -1 : _options.BrokerId;
        Fetch.ReplicaState = FetchVersion < ReplicaStateVersion ? null
            : new FetchRequest.ReplicaStateData { ReplicaId = _options.BrokerId, ReplicaEpoch = _brokerEpoch() };
        Fetch.MaxWaitMs = waitMs;
        Fetch.MinBytes = _options.BytesMin;
        Fetch.MaxBytes = _options.ResponseBytesMax;
        Fetch.SessionId = _sessionId != 0 ? _sessionId : _replacedSessionId;
        Fetch.SessionEpoch = _nextEpoch;
        Fetch.Topics.Clear();
        Fetch.ForgottenTopicsData.Clear();
    }

    private FetchRequest.FetchTopic AddTopic(HostedTopic hosted)
    {
        if (!Fetch.Topics.TryReuse(out FetchRequest.FetchTopic? topic))
        {
            topic = new FetchRequest.FetchTopic();
            Fetch.Topics.Add(topic);
        }
        topic.Topic = hosted.Utf8;
        topic.TopicId = hosted.Id;
        topic.Partitions.Clear();
        return topic;
    }

    private void AddPartition(FetchRequest.FetchTopic topic, FetchedPartition one)
    {
        if (!topic.Partitions.TryReuse(out FetchRequest.FetchPartition? partition))
        {
            partition = new FetchRequest.FetchPartition();
            topic.Partitions.Add(partition);
        }
        partition.Partition = one.Partition.Index;
        partition.CurrentLeaderEpoch = one.LeaderEpoch;
        partition.FetchOffset = one.FetchOffset;
        partition.LastFetchedEpoch = one.LastFetchedEpoch;
        partition.LogStartOffset = one.Partition.Log.LogStartOffset;
        partition.PartitionMaxBytes = _options.PartitionBytesMax;
        partition.HighWatermark = long.MaxValue;
    }

    private void AddForgotten()
    {
        if (_sessionId != 0)
        {
            foreach (IGrouping<HostedTopic, int> topic in _forgotten.GroupBy(f => f.Topic, f => f.Partition))
            {
                var gone = new FetchRequest.ForgottenTopic { Topic = topic.Key.Utf8, TopicId = topic.Key.Id };
                gone.Partitions.AddRange(topic);
                Fetch.ForgottenTopicsData.Add(gone);
            }
        }
        _forgotten.Clear();
    }

    /// <summary>Partitions of a topic stand together, so that a request names it once.</summary>
    private void Sort()
    {
        if (!_isSorted)
        {
            _order.Sort(static (a, b) =>
            {
                int byTopic = string.CompareOrdinal(a.Partition.Topic.Name, b.Partition.Topic.Name);
                return byTopic != 0 ? byTopic : a.Partition.Index.CompareTo(b.Partition.Index);
            });
            _isSorted = true;
        }
    }

    /// <summary>Takes what the answer says of the session; false when the answer says nothing else.</summary>
    private bool TakeSession(FetchResponse response)
    {
        if (response.ErrorCode == ErrorCode.None)
        {
            if (_sessionId == 0)
            {
                _replacedSessionId = 0;
                _sessionId = response.SessionId;   // 0: the leader keeps none for us
                _nextEpoch = response.SessionId == 0 ? 0 : 1;
            }
            else
            {
                _nextEpoch = _nextEpoch == int.MaxValue ? 1 : _nextEpoch + 1;
            }
            return true;
        }
        EndSession();
        if (response.ErrorCode is not (ErrorCode.FetchSessionIdNotFound or ErrorCode.InvalidFetchSessionEpoch
            or ErrorCode.FetchSessionTopicIdError or ErrorCode.InconsistentTopicId or ErrorCode.UnknownTopicId))
        {
            DelayAsked();
        }
        return false;
    }
}
