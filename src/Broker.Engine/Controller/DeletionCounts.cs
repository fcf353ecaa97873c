namespace Broker.Engine.Controller;

/// <summary>Topics and replicas that are being deleted, and those of them that wait for a broker to come back.</summary>
internal sealed record DeletionCounts(int Topics, int Replicas, int TopicsWaiting, int ReplicasWaiting)
{
    public static readonly DeletionCounts None = new(0, 0, 0, 0);
}
