namespace Broker.Engine.Storage.Producers;

/// <summary>What is told of a producer (DescribeProducers).</summary>
internal sealed record ProducerSnapshot(
    long ProducerId, short Epoch, int CoordinatorEpoch, int LastSequence, long LastTimestampMs, long TransactionFirstOffset);
