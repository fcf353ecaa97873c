namespace Broker.Engine.Diagnostics;

/// <summary>What a topic's traffic on this broker comes to since start (Kafka: BrokerTopicMetrics). Thread-safe.</summary>
internal sealed class TopicMetrics
{
    private long _messagesIn;
    private long _bytesIn;
    private long _bytesOut;
    private long _bytesRejected;
    private long _produceRequests;
    private long _fetchRequests;
    private long _failedProduceRequests;
    private long _failedFetchRequests;

    public long MessagesIn => Interlocked.Read(ref _messagesIn);
    public long BytesIn => Interlocked.Read(ref _bytesIn);
    public long BytesOut => Interlocked.Read(ref _bytesOut);
    public long BytesRejected => Interlocked.Read(ref _bytesRejected);
    public long ProduceRequests => Interlocked.Read(ref _produceRequests);
    public long FetchRequests => Interlocked.Read(ref _fetchRequests);
    public long FailedProduceRequests => Interlocked.Read(ref _failedProduceRequests);
    public long FailedFetchRequests => Interlocked.Read(ref _failedFetchRequests);

    public void Produced(int records, int bytes)
    {
        Interlocked.Add(ref _messagesIn, records);
        Interlocked.Add(ref _bytesIn, bytes);
        Interlocked.Increment(ref _produceRequests);
    }

    public void ProduceFailed(int bytes, bool rejected)
    {
        Interlocked.Increment(ref _produceRequests);
        Interlocked.Increment(ref _failedProduceRequests);
        if (rejected)
        {
            Interlocked.Add(ref _bytesRejected, bytes);
        }
    }

    public void Fetched(int bytes)
    {
        Interlocked.Increment(ref _fetchRequests);
        if (bytes > 0)
        {
            Interlocked.Add(ref _bytesOut, bytes);
        }
    }

    public void FetchFailed()
    {
        Interlocked.Increment(ref _fetchRequests);
        Interlocked.Increment(ref _failedFetchRequests);
    }
}
