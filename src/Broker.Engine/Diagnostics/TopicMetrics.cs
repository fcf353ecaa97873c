namespace Broker.Engine.Diagnostics;

/// <summary>The meters of BrokerTopicMetrics.</summary>
internal enum TopicMeter
{
    MessagesIn,
    BytesIn,
    TotalProduceRequests,
    BytesOut,
    TotalFetchRequests,
    BytesRejected,
    FailedProduceRequests,
    FailedFetchRequests,
    ProduceMessageConversions,
    FetchMessageConversions,
    ReplicationBytesIn,
    ReplicationBytesOut,
    ReassignmentBytesIn,
    ReassignmentBytesOut,
    NoKeyCompactedTopicRecords,
    InvalidMagicNumberRecords,
    InvalidMessageCrcRecords,
    InvalidOffsetOrSequenceRecords,
}

/// <summary>What a topic's traffic on this broker comes to since start (Kafka: BrokerTopicMetrics). Its meters are made when there
/// is something to show, so that a topic without traffic shows nothing. Thread-safe.</summary>
internal sealed class TopicMetrics(TimeProvider time)
{
    public const int MeterCount = (int)TopicMeter.InvalidOffsetOrSequenceRecords + 1;

    private readonly long[] _counts = new long[MeterCount];
    private Meter?[]? _meters;

    public long MessagesIn => Count(TopicMeter.MessagesIn);
    public long BytesIn => Count(TopicMeter.BytesIn);
    public long BytesOut => Count(TopicMeter.BytesOut);
    public long ProduceRequests => Count(TopicMeter.TotalProduceRequests);
    public long FetchRequests => Count(TopicMeter.TotalFetchRequests);

    /// <summary>The meter, or null when it was never marked.</summary>
    public Meter? Find(TopicMeter meter)
    {
        if (Count(meter) == 0)
        {
            return null;
        }
        Meter?[] meters = Volatile.Read(ref _meters)
            ?? Interlocked.CompareExchange(ref _meters, new Meter?[MeterCount], null) ?? _meters;
        ref Meter? slot = ref meters[(int)meter];
        return Volatile.Read(ref slot) ?? Interlocked.CompareExchange(ref slot, Make(meter), null) ?? slot;
    }

    /// <summary>Apart, so that finding one that is there allocates nothing.</summary>
    private CountMeter Make(TopicMeter meter) => new(time, EventType(meter), () => Count(meter));

    public long Count(TopicMeter meter) => Interlocked.Read(ref _counts[(int)meter]);

    public void Mark(TopicMeter meter, long events = 1) => Interlocked.Add(ref _counts[(int)meter], events);

    /// <summary>What a meter counts, in Kafka's words.</summary>
    public static string EventType(TopicMeter meter) => meter switch
    {
        TopicMeter.MessagesIn => "messages",
        TopicMeter.BytesIn or TopicMeter.BytesOut or TopicMeter.BytesRejected or TopicMeter.ReplicationBytesIn
            or TopicMeter.ReplicationBytesOut or TopicMeter.ReassignmentBytesIn or TopicMeter.ReassignmentBytesOut => "bytes",
        _ => "requests",
    };

    public void Tick()
    {
        for (int i = 0; i < MeterCount; i++)
        {
            Find((TopicMeter)i)?.Tick();
        }
    }

    public void Produced(int records, int bytes)
    {
        Mark(TopicMeter.MessagesIn, records);
        Mark(TopicMeter.BytesIn, bytes);
        Mark(TopicMeter.TotalProduceRequests);
    }

    /// <summary>A batch was not appended.</summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="rejected">It was too large.</param>
    /// <param name="unexpected">Not one of the errors that Kafka expects of clients and roles, which it does not count.</param>
    public void ProduceFailed(int bytes, bool rejected, bool unexpected)
    {
        Mark(TopicMeter.TotalProduceRequests);
        if (unexpected)
        {
            Mark(TopicMeter.FailedProduceRequests);
        }
        if (rejected)
        {
            Mark(TopicMeter.BytesRejected, bytes);
        }
    }

    public void Fetched(int bytes)
    {
        Mark(TopicMeter.TotalFetchRequests);
        if (bytes > 0)
        {
            Mark(TopicMeter.BytesOut, bytes);
        }
    }

    /// <summary>A partition could not be read for a reason that Kafka expects, as a wrong offset or a role that has moved: it
    /// counts as a request, not as a failed one (ReplicaManager.readFromLog).</summary>
    public void FetchFailed() => Mark(TopicMeter.TotalFetchRequests);
}

/// <summary>BrokerTopicMetrics without a topic: all topics together, those that are gone included, and what is counted for
/// the broker alone. Thread-safe.</summary>
internal sealed class AllTopicsMetrics
{
    private readonly Lock _lock = new();
    private readonly long[] _gone = new long[TopicMetrics.MeterCount];
    private readonly Func<IEnumerable<TopicMetrics>> _topics;
    private readonly Meter[] _meters;

    public AllTopicsMetrics(TimeProvider time, Func<IEnumerable<TopicMetrics>> topics)
    {
        _topics = topics;
        _meters =
        [
            .. Enum.GetValues<TopicMeter>().Select(m => new CountMeter(time, TopicMetrics.EventType(m), () => Count(m))),
        ];
    }

    public Meter Of(TopicMeter meter) => _meters[(int)meter];

    /// <summary>Counts for the broker, not for a topic.</summary>
    public void Mark(TopicMeter meter, long events) => Interlocked.Add(ref _gone[(int)meter], events);

    /// <summary>Takes a topic out, and keeps what it counted, so that no total ever falls.</summary>
    public void Forget(TopicMetrics topic, Action remove)
    {
        lock (_lock)
        {
            remove();
            for (int i = 0; i < _gone.Length; i++)
            {
                Interlocked.Add(ref _gone[i], topic.Count((TopicMeter)i));
            }
        }
    }

    private long Count(TopicMeter meter)
    {
        lock (_lock)
        {
            long count = Interlocked.Read(ref _gone[(int)meter]);
            foreach (TopicMetrics topic in _topics())
            {
                count += topic.Count(meter);
            }
            return count;
        }
    }

    public void Tick()
    {
        Array.ForEach(_meters, m => m.Tick());
    }
}
