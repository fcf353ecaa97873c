namespace Broker.Engine;

/// <summary>Topics that Kafka itself keeps (org.apache.kafka.common.internals.Topic).</summary>
internal static class InternalTopics
{
    public const string ConsumerOffsets = "__consumer_offsets";
    public const string TransactionState = "__transaction_state";

    public static bool Contains(string topic) => topic is ConsumerOffsets or TransactionState;
}
