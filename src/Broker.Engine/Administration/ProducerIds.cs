using Broker.Engine.Coordination;
using Broker.Protocol.Messages;

namespace Broker.Engine.Administration;

/// <summary>Gives out producer ids, a thousand of which a broker takes from the tree at a time, so that none comes twice in the
/// cluster. After Kafka's ZkProducerIdManager. Thread-safe.</summary>
internal sealed class ProducerIds(int brokerId, Func<ICoordinationSession> session)
{
    /// <summary>Ids taken at a time (Kafka: ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE).</summary>
    public const int BlockSize = 1000;

    private readonly SemaphoreSlim _taking = new(1, 1);
    private long _next;
    private long _end = -1;

    /// <returns>An id, or COORDINATOR_LOAD_IN_PROGRESS while the tree cannot be written.</returns>
    public async ValueTask<(ErrorCode Error, long Id)> NextAsync(CancellationToken cancellationToken)
    {
        await _taking.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_next > _end && !await TakeBlockAsync(cancellationToken).ConfigureAwait(false))
            {
                return (ErrorCode.CoordinatorLoadInProgress, -1);
            }
            return (ErrorCode.None, _next++);
        }
        finally
        {
            _taking.Release();
        }
    }

    private async Task<bool> TakeBlockAsync(CancellationToken cancellationToken)
    {
        if (await TakeBlockAsync(session(), brokerId, cancellationToken).ConfigureAwait(false) is not { } start)
        {
            return false;
        }
        _next = start;
        _end = start + BlockSize - 1;
        return true;
    }

    /// <summary>Takes the next <see cref="BlockSize"/> ids from the tree.</summary>
    /// <returns>The first of them, or null while the tree cannot be written.</returns>
    public static async Task<long?> TakeBlockAsync(ICoordinationSession session, int brokerId, CancellationToken cancellationToken)
    {
        while (true)
        {
            GetResult node = await session.GetAsync(ClusterPaths.ProducerIdBlock, cancellationToken).ConfigureAwait(false);
            long start = node.Error == CoordinationError.None && !node.Data.IsEmpty ? ClusterJson.ReadProducerIdBlockEnd(node.Data) + 1 : 0;
            byte[] data = ClusterJson.ProducerIdBlock(brokerId, start, start + BlockSize - 1);
            CoordinationError error = node.Error == CoordinationError.None
                ? (await session.SetAsync(ClusterPaths.ProducerIdBlock, data, node.Stat.Version, cancellationToken).ConfigureAwait(false)).Error
                : (await session.CreateAsync(
                    ClusterPaths.ProducerIdBlock, data, CreateMode.Persistent, cancellationToken).ConfigureAwait(false)).Error;
            if (error == CoordinationError.None)
            {
                return start;
            }
            if (error is not (CoordinationError.BadVersion or CoordinationError.NodeExists))
            {
                return null;
            }
        }
    }
}
