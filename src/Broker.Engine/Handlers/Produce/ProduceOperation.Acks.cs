using System.Diagnostics;
using Broker.Engine.Purgatory;
using Broker.Engine.Replication;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Produce;

/// <summary>Waiting for the in-sync replicas (acks=all). Once everything is appended the request needs its buffer no more.</summary>
internal sealed partial class ProduceOperation
{
    private readonly DelayedProduce _delayed;
    private Awaited[] _awaited = new Awaited[4];
    private WatchList[] _watched = [];

    /// <summary>A partition's batch is appended, and is to be acknowledged when all have it.</summary>
    /// <param name="index">Which entry of the request.</param>
    /// <param name="requiredOffset">The offset after its last record.</param>
    /// <param name="leaderEpoch">The epoch in which it was appended.</param>
    public void Await(int index, long requiredOffset, int leaderEpoch) => _awaited[index] = new Awaited(requiredOffset, leaderEpoch);

    /// <summary>Everything is appended: answers, or waits for the replicas.</summary>
    /// <param name="isFirst">The connection does not have the operation yet.</param>
    public void Finish(bool isFirst)
    {
        long now = Stopwatch.GetTimestamp();
        LocalDoneAt = now;
        if (Request.Acks == Partition.AllReplicas && !_failed && !IsDecided())
        {
            _handler.Purgatory.TryCompleteElseWatch(_delayed, Watched(), Math.Max(0, Request.TimeoutMs));
        }
        else
        {
            Settle(now, isFirst);
        }
    }

    private ReadOnlySpan<WatchList> Watched()
    {
        if (_watched.Length < PartitionCount)
        {
            _watched = new WatchList[PartitionCount];
        }
        int count = 0;
        for (int i = 0; i < PartitionCount; i++)
        {
            if (_awaited[i].RequiredOffset > 0)
            {
                _watched[count++] = _partitions[i]!.ProduceWatchers;
            }
        }
        return _watched.AsSpan(0, count);
    }

    /// <summary>Settles every partition that is decided; false while one is not.</summary>
    private bool IsDecided()
    {
        bool all = true;
        for (int i = 0; i < PartitionCount; i++)
        {
            (long offset, int epoch) = _awaited[i];
            if (offset <= 0)
            {
                continue;
            }
            if (!_partitions[i]!.IsDecided(offset, epoch, out ErrorCode error))
            {
                all = false;
                continue;
            }
            _awaited[i] = default;
            if (error != ErrorCode.None)
            {
                SetError(i, error);
            }
        }
        return all;
    }

    private void SetError(int index, ErrorCode error)
    {
        int at = index;
        foreach (ProduceResponse.TopicProduceResponse topic in Response.Responses)
        {
            if (at < topic.PartitionResponses.Count)
            {
                ProduceResponse.PartitionProduceResponse response = topic.PartitionResponses[at];
                response.ErrorCode = error;
                _anyError = true;
                _handler.Hint(this, response, _partitions[index]!.Topic.Name, response.Index);
                return;
            }
            at -= topic.PartitionResponses.Count;
        }
    }

    private void TimeOut()
    {
        for (int i = 0; i < PartitionCount; i++)
        {
            if (_awaited[i].RequiredOffset > 0)
            {
                _awaited[i] = default;
                SetError(i, ErrorCode.RequestTimedOut);
                _handler.CountExpired();
            }
        }
    }

    protected internal override bool TryAbandon()
    {
        if (Handover is not null || !_delayed.Abandon())
        {
            return false;
        }
        Complete(Stopwatch.GetTimestamp());
        return true;
    }

    /// <summary>What a partition's entry waits for; the default waits for nothing.</summary>
    private readonly record struct Awaited(long RequiredOffset, int LeaderEpoch);

    /// <summary>The wait of a produce: for every partition to be decided, or for its timeout.</summary>
    private sealed class DelayedProduce(ProduceOperation produce) : DelayedOperation
    {
        protected override bool TryComplete() => produce.IsDecided() && ForceComplete();

        protected override void OnComplete()
        {
            produce.TimeOut();   // what is not decided by now
            produce.Settle(Stopwatch.GetTimestamp(), isFirst: false);
        }

        protected internal override string Describe() =>
            $"Produce by {produce.Connection.ClientId}@{produce.Connection.ClientHost}: {produce.PartitionCount} partitions, acks=all";
    }
}
