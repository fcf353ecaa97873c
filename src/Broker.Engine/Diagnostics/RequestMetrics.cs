using Broker.Engine.Requests;

namespace Broker.Engine.Diagnostics;

/// <summary>Counts requests and their phases. Each network thread writes its own shard without atomics.</summary>
internal sealed class RequestMetrics
{
    /// <summary>Books an answered request; called by the connection's thread.</summary>
    public void Record(int networkThread, PendingResponse response, long writeBegan, long writeEnded)
    {
    }
}
