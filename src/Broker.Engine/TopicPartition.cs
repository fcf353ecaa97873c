namespace Broker.Engine;

/// <summary>A partition by its topic's name. Written as Kafka does: <c>topic-0</c>.</summary>
public readonly record struct TopicPartition(string Topic, int Partition)
{
    public override string ToString() => $"{Topic}-{Partition}";
}
