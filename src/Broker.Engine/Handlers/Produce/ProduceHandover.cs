using Broker.Client;
using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Timing;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Produce;

/// <summary>
/// What becomes of produce requests while a broker that stops hands its leaderships over. They are held until others lead, then
/// sent on to those, so that no client is told NOT_LEADER_OR_FOLLOWER and pauses before it tries again; clients learn of the new
/// leaders when their connection is closed, at a moment when nothing of theirs is under way. Batches of a partition stay in the
/// order in which its owner thread met them. Kafka has nothing of the kind (docs/decisions/0009). Thread-safe.
/// </summary>
internal sealed class ProduceHandover : IAsyncDisposable
{
    /// <summary>Longest that an answer is waited for beyond the client's own timeout, milliseconds.</summary>
    private const int PatienceMs = 1_000;

    /// <summary>Lines to each leader. A partition's batches take the same one; a batch that waits for the replicas holds up those
    /// behind it.</summary>
    private const int LinesEach = 4;

    /// <summary>What a broker's lines call themselves: what comes over one is not sent on again.</summary>
    private const string ClientSuffix = "-handover";

    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(1);

    private readonly Dictionary<(int Leader, int Line), HandoverLine> _lines = [];
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _holding = new();
    private readonly ReplicaManager _replicas;
    private readonly MetadataCache _metadata;
    private readonly MonotonicClock _clock;
    private readonly Dialer _dialer;
    private readonly Func<int, BrokerEndpoint?> _endpointOf;
    private readonly int _id;
    private List<ProduceOperation>? _held = [];
    private int _underWay;

    /// <param name="brokerId">The broker that stops.</param>
    /// <param name="replicas">What it holds.</param>
    /// <param name="metadata">Who leads now.</param>
    /// <param name="clock">For the wait for the replicas.</param>
    /// <param name="dialer">Opens connections, and has the time for deadlines.</param>
    /// <param name="endpointOf">Where another broker is reached.</param>
    public ProduceHandover(
        int brokerId, ReplicaManager replicas, MetadataCache metadata, MonotonicClock clock, Dialer dialer,
        Func<int, BrokerEndpoint?> endpointOf)
    {
        _id = brokerId;
        _replicas = replicas;
        _metadata = metadata;
        _clock = clock;
        _dialer = dialer;
        _endpointOf = endpointOf;
    }

    /// <summary>Batches sent on that are not answered.</summary>
    public int UnderWay => Volatile.Read(ref _underWay);

    /// <summary>Connects to the brokers that may lead next.</summary>
    /// <param name="brokers">Their ids.</param>
    /// <returns>Completes when each is connected, or cannot be within a second.</returns>
    public Task ConnectAsync(IEnumerable<int> brokers) =>
        Task.WhenAll(brokers.SelectMany(b => Enumerable.Range(0, LinesEach).Select(i => Line(b, i).ReadyAsync())));

    /// <summary>Keeps a request back; false once others lead.</summary>
    public bool TryHold(ProduceOperation operation)
    {
        lock (_holding)
        {
            _held?.Add(operation);
            return _held is not null;
        }
    }

    /// <summary>Waits until what was appended before is with all in-sync replicas: whoever leads next has it then.</summary>
    /// <param name="waitMs">Longest wait, milliseconds.</param>
    /// <returns>Partitions of which that is not so: whoever waits for the replicas there is told that the leader is another.</returns>
    public async Task<int> SettleAsync(int waitMs)
    {
        long end = _clock.NowMs + waitMs;
        do
        {
            // First a pause: a request may have passed the gate and not be appended yet.
            await Task.Delay(s_look, _dialer.Time).ConfigureAwait(false);
        }
        while (_clock.NowMs < end && _replicas.Partitions.Partitions.Any(IsUnsettled));
        return _replicas.Partitions.Partitions.Count(IsUnsettled);
    }

    private static bool IsUnsettled(Partition partition) =>
        partition.Role is { IsLeader: true, InSyncReplicas.Length: > 1 } && partition.HighWatermark < partition.Log.LogEndOffset;

    /// <summary>Lets the requests go on that are held, and all that come: to the log where this broker still leads, else to the
    /// leader. May be called again.</summary>
    public void Release()
    {
        List<ProduceOperation>? held;
        lock (_holding)
        {
            held = _held;
            _held = null;
        }
        held?.ForEach(o => o.GoOn());
    }

    /// <summary>Sends a batch on to the partition's leader; the operation is told when that has answered.</summary>
    /// <returns>False where no other leader is known, or the batch has been sent on to this broker.</returns>
    public bool TrySendOn(
        ProduceOperation operation, TopicPartition partition, ProduceRequest.PartitionProduceData data,
        ProduceResponse.PartitionProduceResponse response)
    {
        if (operation.Connection.ClientId.EndsWith(ClientSuffix, StringComparison.Ordinal)
            || _metadata.Current.Topic(partition.Topic) is not { } topic || LeaderOf(partition) is not { } leader)
        {
            return false;
        }
        operation.SendingOn();
        Interlocked.Increment(ref _underWay);
        // The line is joined before this returns: the next batch of the partition comes behind.
        _ = SendAsync(Line(leader, partition.Partition % LinesEach), operation, topic, data, response);
        return true;
    }

    private int? LeaderOf(TopicPartition partition)
    {
        MetadataImage image = _metadata.Current;
        if (image.Partition(partition.Topic, partition.Partition) is not { } told)
        {
            return null;
        }
        (int leader, int _) = _replicas.CurrentLeader(partition, told);
        return leader != _id && image.IsAlive(leader) ? leader : null;
    }

    private async Task SendAsync(
        HandoverLine line, ProduceOperation operation, TopicImage topic, ProduceRequest.PartitionProduceData data,
        ProduceResponse.PartitionProduceResponse response)
    {
        try
        {
            using var late = new CancellationTokenSource(
                TimeSpan.FromMilliseconds(PatienceMs + (long)Math.Max(0, operation.Request.TimeoutMs)), _dialer.Time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(late.Token, _ending.Token);
            if (await line.SendAsync(Build(operation.Request, topic, data), limit.Token).ConfigureAwait(false) is { } sent)
            {
                Take(response, await AnswerAsync(sent).ConfigureAwait(false));
            }
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
            operation.SentOn();
        }
    }

    /// <summary>Where no answer comes, the leader may have the batch or not: librdkafka takes NETWORK_EXCEPTION for a failure that
    /// lasts, a timeout for what it is.</summary>
    private static async Task<ProduceResponse.PartitionProduceResponse> AnswerAsync(Task<ProduceResponse> sent)
    {
        try
        {
            if ((await sent.ConfigureAwait(false)).Responses is [{ PartitionResponses: [var only] }])
            {
                return only;
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // as when it says nothing
        }
        return new ProduceResponse.PartitionProduceResponse { ErrorCode = ErrorCode.RequestTimedOut };
    }

    private static ProduceRequest Build(ProduceRequest request, TopicImage topic, ProduceRequest.PartitionProduceData data)
    {
        var one = new ProduceRequest.TopicProduceData { Name = System.Text.Encoding.UTF8.GetBytes(topic.Name), TopicId = topic.Id };
        one.PartitionData.Add(data);
        var sent = new ProduceRequest
        {
            Acks = request.Acks == 0 ? (short)1 : request.Acks,
            TimeoutMs = request.TimeoutMs,
            TransactionalId = request.TransactionalId,
        };
        sent.TopicData.Add(one);
        return sent;
    }

    /// <summary>Takes a leader's answer over; one that does not lead either says nothing new.</summary>
    private static void Take(ProduceResponse.PartitionProduceResponse response, ProduceResponse.PartitionProduceResponse answer)
    {
        if (answer.ErrorCode == ErrorCode.NotLeaderOrFollower)
        {
            return;
        }
        response.ErrorCode = answer.ErrorCode;
        response.BaseOffset = answer.BaseOffset;
        response.LogAppendTimeMs = answer.LogAppendTimeMs;
        response.LogStartOffset = answer.LogStartOffset;
        response.ErrorMessage = answer.ErrorMessage;
        response.RecordErrors.AddRange(answer.RecordErrors);
        response.CurrentLeader = null;
    }

    private HandoverLine Line(int leader, int index)
    {
        lock (_lines)
        {
            if (!_lines.TryGetValue((leader, index), out HandoverLine? line))
            {
                _lines.Add((leader, index), line = new HandoverLine(
                    () => _endpointOf(leader), $"broker-{_id}{ClientSuffix}", _dialer, _ending.Token));
            }
            return line;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        HandoverLine[] lines;
        lock (_lines)
        {
            lines = [.. _lines.Values];
        }
        foreach (HandoverLine line in lines)
        {
            await line.DisposeAsync().ConfigureAwait(false);
        }
    }
}
