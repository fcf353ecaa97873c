using Broker.Client;
using Broker.Engine.Controller;
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
internal sealed class ProduceHandover(
    int brokerId, ReplicaManager replicas, MetadataCache metadata, MonotonicClock clock, Dialer dialer) : IAsyncDisposable
{
    /// <summary>Longest that a connection is waited for, and an answer beyond the client's own timeout, milliseconds.</summary>
    private const int PatienceMs = 1_000;

    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(1);

    private readonly Dictionary<int, Task<PeerConnection>> _peers = [];
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _holding = new();
    private List<ProduceOperation>? _held = [];

    /// <summary>Connects to the brokers that may lead next: what is sent on at once later stays in order.</summary>
    /// <param name="brokers">Their ids.</param>
    /// <returns>Completes when each is connected, or cannot be.</returns>
    public Task ConnectAsync(IEnumerable<int> brokers) =>
        Task.WhenAll(brokers.Select(async b => await ((Task)Peer(b)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing)));

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
    public async Task SettleAsync(int waitMs)
    {
        long end = clock.NowMs + waitMs;
        do
        {
            // First a pause: a request may have passed the gate and not be appended yet.
            await Task.Delay(s_look, dialer.Time).ConfigureAwait(false);
        }
        while (clock.NowMs < end && replicas.Partitions.Partitions.Any(IsUnsettled));
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
    /// <returns>False where no other leader is known.</returns>
    public bool TrySendOn(
        ProduceOperation operation, Partition partition, ProduceRequest.PartitionProduceData data,
        ProduceResponse.PartitionProduceResponse response)
    {
        if (LeaderOf(partition) is not { } leader)
        {
            return false;
        }
        operation.SendingOn();
        _ = SendAsync(operation, leader, partition, data, response);
        return true;
    }

    private int? LeaderOf(Partition partition)
    {
        MetadataImage image = metadata.Current;
        if (image.Partition(partition.Id.Topic, partition.Index) is not { } told)
        {
            return null;
        }
        (int leader, int _) = replicas.CurrentLeader(partition.Id, told);
        return leader != brokerId && image.IsAlive(leader) ? leader : null;
    }

    private async Task SendAsync(
        ProduceOperation operation, int leader, Partition partition, ProduceRequest.PartitionProduceData data,
        ProduceResponse.PartitionProduceResponse response)
    {
        try
        {
            PeerConnection peer = await Peer(leader).ConfigureAwait(false);
            if (await AskAsync(peer, Build(operation.Request, partition, data)).ConfigureAwait(false) is { } answer)
            {
                Take(response, answer);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // No connection: the leader has nothing of it, and the client finds its way as with any leader that moves.
        }
        finally
        {
            operation.SentOn();
        }
    }

    /// <summary>Whether the leader has it is not known when no answer comes: that is no error that says it has not.</summary>
    private async Task<ProduceResponse.PartitionProduceResponse?> AskAsync(PeerConnection peer, ProduceRequest request)
    {
        using var late = new CancellationTokenSource(
            TimeSpan.FromMilliseconds(PatienceMs + (long)Math.Max(0, request.TimeoutMs)), dialer.Time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(late.Token, _ending.Token);
        try
        {
            ProduceResponse answer = await peer.SendAsync<ProduceRequest, ProduceResponse>(request, limit.Token).ConfigureAwait(false);
            return answer.Responses is [{ PartitionResponses: [var only] }] ? only : null;
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested)
        {
            return new ProduceResponse.PartitionProduceResponse { ErrorCode = ErrorCode.RequestTimedOut };
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return new ProduceResponse.PartitionProduceResponse { ErrorCode = ErrorCode.NetworkException };
        }
    }

    private static ProduceRequest Build(ProduceRequest request, Partition partition, ProduceRequest.PartitionProduceData data)
    {
        var topic = new ProduceRequest.TopicProduceData { Name = partition.Topic.Utf8, TopicId = partition.Topic.Id };
        topic.PartitionData.Add(data);
        var sent = new ProduceRequest
        {
            Acks = request.Acks == 0 ? (short)1 : request.Acks,
            TimeoutMs = request.TimeoutMs,
            TransactionalId = request.TransactionalId,
        };
        sent.TopicData.Add(topic);
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

    private Task<PeerConnection> Peer(int broker)
    {
        lock (_peers)
        {
            if (!_peers.TryGetValue(broker, out Task<PeerConnection>? peer)
                || peer.IsFaulted || peer.IsCanceled || (peer.IsCompletedSuccessfully && peer.Result.HasFailed))
            {
                _peers[broker] = peer = ConnectAsync(broker);
            }
            return peer;
        }
    }

    private async Task<PeerConnection> ConnectAsync(int broker)
    {
        if (metadata.Current.Brokers.GetValueOrDefault(broker)?.Endpoints is not [var endpoint, ..])
        {
            throw new IOException($"broker {broker} is not there");
        }
        return await PeerConnection.ConnectAsync(
            dialer, endpoint, $"broker-{brokerId}-handover", TimeSpan.FromMilliseconds(PatienceMs), _ending.Token).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        Task<PeerConnection>[] peers;
        lock (_peers)
        {
            peers = [.. _peers.Values];
        }
        foreach (Task<PeerConnection> peer in peers)
        {
            await ((Task)peer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (peer.IsCompletedSuccessfully)
            {
                await (await peer.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
