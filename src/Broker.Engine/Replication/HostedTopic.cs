using System.Text;
using Broker.Engine.Diagnostics;

namespace Broker.Engine.Replication;

/// <summary>A topic of which this broker holds partitions: its names in every form, so that a request's bytes need not
/// become a string, and its rates. Thread-safe.</summary>
internal sealed class HostedTopic(string name, Guid id, TimeProvider time)
{
    private readonly Lock _lock = new();
    private Partition?[] _partitions = [];

    public string Name { get; } = name;

    public byte[] Utf8 { get; } = Encoding.UTF8.GetBytes(name);

    public Guid Id { get; } = id;

    public TopicMetrics Metrics { get; } = new(time);

    /// <summary>The partitions held, by index; null where another broker holds it. Immutable.</summary>
    public ReadOnlySpan<Partition?> Partitions => Volatile.Read(ref _partitions);

    public Partition? Find(int index)
    {
        Partition?[] partitions = Volatile.Read(ref _partitions);
        return (uint)index < (uint)partitions.Length ? partitions[index] : null;
    }

    public void Set(int index, Partition? partition)
    {
        lock (_lock)
        {
            var copy = new Partition?[Math.Max(_partitions.Length, index + 1)];
            _partitions.CopyTo(copy, 0);
            copy[index] = partition;
            Volatile.Write(ref _partitions, copy);
        }
    }

    public bool IsEmpty => Array.TrueForAll(Volatile.Read(ref _partitions), p => p is null);
}
