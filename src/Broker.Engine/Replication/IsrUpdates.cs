using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Replication;

/// <summary>
/// Takes what leaders propose for their in-sync replicas to the controller: all that wait go in one request, one request at a
/// time. After Kafka's DefaultAlterPartitionManager. Thread-safe.
/// </summary>
internal sealed partial class IsrUpdates : IAsyncDisposable
{
    /// <summary>Partitions in one request.</summary>
    public const int BatchMax = 10_000;

    private static readonly TimeSpan s_retryDelay = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Func<AlterPartitionRequest, CancellationToken, Task<AlterPartitionResponse>> _send;
    private readonly int _brokerId;
    private readonly Func<long> _brokerEpoch;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Dictionary<Partition, IsrProposal> _waiting = [];
    private Task _sending = Task.CompletedTask;
    private bool _isSending;

    /// <param name="send">The line to the controller.</param>
    /// <param name="brokerId">This broker.</param>
    /// <param name="brokerEpoch">Its registration.</param>
    /// <param name="time">For the pause before a retry.</param>
    /// <param name="logger">The broker's log.</param>
    public IsrUpdates(
        Func<AlterPartitionRequest, CancellationToken, Task<AlterPartitionResponse>> send, int brokerId, Func<long> brokerEpoch,
        TimeProvider time, ILogger logger)
    {
        _send = send;
        _brokerId = brokerId;
        _brokerEpoch = brokerEpoch;
        _time = time;
        _logger = logger;
    }

    /// <summary>Takes the partition's proposal, if it still has one.</summary>
    public void Propose(Partition partition)
    {
        lock (_lock)
        {
            if (_stopping.IsCancellationRequested || partition.Role.Proposal is not { } proposal)
            {
                return;
            }
            _waiting[partition] = proposal;
            if (!_isSending)
            {
                _isSending = true;
                _sending = Task.Run(SendAllAsync);
            }
        }
    }

    private async Task SendAllAsync()
    {
        try
        {
            while (TakeBatch() is { } batch)
            {
                if (batch.Count == 0)
                {
                    continue;
                }
                bool failed = false;
                try
                {
                    AlterPartitionResponse response = await _send(Request(batch), _stopping.Token).ConfigureAwait(false);
                    failed = Answer(batch, response);
                }
                catch (Exception e) when (e is not (OperationCanceledException or OutOfMemoryException))
                {
                    LogFailed(e.Message);
                    PutBack(batch);
                    failed = true;
                }
                if (failed)
                {
                    await Task.Delay(s_retryDelay, _time, _stopping.Token).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the broker stops
        }
    }

    /// <summary>What waits; null when nothing does, and the sender ends.</summary>
    private List<KeyValuePair<Partition, IsrProposal>>? TakeBatch()
    {
        lock (_lock)
        {
            _isSending = _waiting.Count > 0;
            if (!_isSending)
            {
                return null;
            }
            List<KeyValuePair<Partition, IsrProposal>> batch = [.. _waiting.Take(BatchMax)];
            batch.ForEach(b => _waiting.Remove(b.Key));
            batch.RemoveAll(b => !ReferenceEquals(b.Key.Role.Proposal, b.Value));   // decided otherwise since
            return batch;
        }
    }

    private void PutBack(IEnumerable<KeyValuePair<Partition, IsrProposal>> batch)
    {
        lock (_lock)
        {
            foreach ((Partition partition, IsrProposal proposal) in batch)
            {
                _waiting.TryAdd(partition, proposal);
            }
        }
    }

    /// <summary>The request that carries proposals.</summary>
    internal AlterPartitionRequest Request(IEnumerable<KeyValuePair<Partition, IsrProposal>> batch)
    {
        var request = new AlterPartitionRequest { BrokerId = _brokerId, BrokerEpoch = _brokerEpoch() };
        foreach (IGrouping<HostedTopic, KeyValuePair<Partition, IsrProposal>> topic in batch.GroupBy(b => b.Key.Topic))
        {
            var data = new AlterPartitionRequest.TopicData { TopicName = topic.Key.Name, TopicId = topic.Key.Id };
            foreach ((Partition partition, IsrProposal proposal) in topic)
            {
                PartitionRole role = partition.Role;
                if (!ReferenceEquals(role.Proposal, proposal))
                {
                    continue;
                }
                var one = new AlterPartitionRequest.PartitionData
                {
                    PartitionIndex = partition.Index,
                    LeaderEpoch = role.LeaderEpoch,
                    PartitionEpoch = role.PartitionEpoch,
                };
                foreach (int replica in proposal.InSyncReplicas)
                {
                    one.NewIsrWithEpochs.Add(new()
                    {
                        BrokerId = replica,
                        BrokerEpoch = replica == _brokerId ? request.BrokerEpoch : role.Follower(replica)?.BrokerEpoch ?? -1,
                    });
                }
                data.Partitions.Add(one);
            }
            request.Topics.Add(data);
        }
        return request;
    }

    /// <summary>Hands the answers to their partitions; true when some of them ask again.</summary>
    internal bool Answer(IReadOnlyCollection<KeyValuePair<Partition, IsrProposal>> batch, AlterPartitionResponse response)
    {
        if (response.ErrorCode != ErrorCode.None)
        {
            LogFailed(response.ErrorCode.ToString());
            PutBack(batch);
            return true;
        }
        var answers = new Dictionary<(Guid, string, int), AlterPartitionResponse.PartitionData>();
        foreach (AlterPartitionResponse.TopicData topic in response.Topics)
        {
            foreach (AlterPartitionResponse.PartitionData partition in topic.Partitions)
            {
                answers[(topic.TopicId, topic.TopicId == Guid.Empty ? topic.TopicName : "", partition.PartitionIndex)] = partition;
            }
        }
        var again = new List<KeyValuePair<Partition, IsrProposal>>();
        foreach (KeyValuePair<Partition, IsrProposal> one in batch)
        {
            (Partition partition, IsrProposal proposal) = one;
            bool known = answers.TryGetValue((partition.Topic.Id, "", partition.Index), out AlterPartitionResponse.PartitionData? data)
                || answers.TryGetValue((Guid.Empty, partition.Topic.Name, partition.Index), out data);
            if (!known)
            {
                again.Add(one);   // not answered: nothing is known of it
            }
            else if (partition.OnProposalAnswered(proposal, data!.ErrorCode, data.LeaderEpoch, data.PartitionEpoch, [.. data.Isr]))
            {
                again.Add(one);
            }
            LogAnswered(partition.Id, string.Join(',', proposal.InSyncReplicas), proposal.Cause, data?.ErrorCode ?? ErrorCode.None);
        }
        PutBack(again);
        return again.Count > 0;
    }

    public async ValueTask DisposeAsync()
    {
        Task sending;
        lock (_lock)
        {
            if (_stopping.IsCancellationRequested)
            {
                return;
            }
            _stopping.Cancel();
            _waiting.Clear();
            sending = _sending;
        }
        await sending.ConfigureAwait(false);
    }

    [LoggerMessage(4020, LogLevel.Information, "{Partition}: in-sync replicas {Replicas} asked for ({Cause}): {Answer}", EventName = "IsrAnswered")]
    private partial void LogAnswered(TopicPartition partition, string replicas, string cause, ErrorCode answer);

    [LoggerMessage(4021, LogLevel.Warning, "the controller did not take changes of in-sync replicas, and is asked again: {Reason}", EventName = "IsrUpdateFailed")]
    private partial void LogFailed(string reason);
}
