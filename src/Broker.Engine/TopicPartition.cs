namespace Broker.Engine;

/// <summary>A partition by its topic's name. Written as Kafka does: <c>topic-0</c>.</summary>
public readonly record struct TopicPartition(string Topic, int Partition)
{
    /// <summary>The same in every process, so that what goes through a table of partitions does so in one order.</summary>
    public override int GetHashCode()
    {
        uint hash = 2166136261 ^ (uint)Partition;
        foreach (char c in Topic ?? "")
        {
            hash = (hash ^ c) * 16777619;
        }
        return (int)hash;
    }

    public override string ToString() => $"{Topic}-{Partition}";
}
