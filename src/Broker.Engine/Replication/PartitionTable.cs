using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Broker.Engine.Diagnostics;

namespace Broker.Engine.Replication;

/// <summary>
/// The partitions that this broker holds, found by the bytes of a topic's name, by its string or by its id, without
/// allocating. Reads take no lock. Thread-safe.
/// </summary>
internal sealed class PartitionTable
{
    private readonly ConcurrentDictionary<byte[], HostedTopic> _byUtf8 = new(Utf8Comparer.Instance);
    private readonly ConcurrentDictionary<string, HostedTopic> _byName = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, HostedTopic> _byId = new();
    private readonly ConcurrentDictionary<byte[], HostedTopic>.AlternateLookup<ReadOnlySpan<byte>> _utf8;

    private readonly TimeProvider _time;
    private int _changes;

    public PartitionTable(TimeProvider time)
    {
        _time = time;
        _utf8 = _byUtf8.GetAlternateLookup<ReadOnlySpan<byte>>();
        AllTopics = new AllTopicsMetrics(time, () => Topics.Select(t => t.Metrics));
    }

    /// <summary>The topics; enumerating them takes no lock.</summary>
    public IEnumerable<HostedTopic> Topics => _byName.Select(t => t.Value);

    /// <summary>The traffic of all topics together.</summary>
    public AllTopicsMetrics AllTopics { get; }

    public HostedTopic? Find(ReadOnlySpan<byte> utf8) => _utf8.TryGetValue(utf8, out HostedTopic? topic) ? topic : null;

    public HostedTopic? Find(string name) => _byName.GetValueOrDefault(name);

    public HostedTopic? Find(Guid id) => _byId.GetValueOrDefault(id);

    /// <summary>Whether partitions of this very topic are held, and not of another of its name.</summary>
    public bool Holds(string name, Guid id) => Find(name) is { } topic && (topic.Id == id || id == Guid.Empty);

    public Partition? Find(TopicPartition partition) => Find(partition.Topic)?.Find(partition.Partition);

    /// <summary>All partitions held.</summary>
    public IEnumerable<Partition> Partitions
    {
        get
        {
            foreach (HostedTopic topic in Topics)
            {
                for (int i = 0; i < topic.Partitions.Length; i++)
                {
                    if (topic.Find(i) is { } partition)
                    {
                        yield return partition;
                    }
                }
            }
        }
    }

    /// <summary>The topic, entered where it is new. Callers are serialised by the replica manager.</summary>
    public HostedTopic GetOrAdd(string name, Guid id)
    {
        if (_byName.TryGetValue(name, out HostedTopic? topic) && (topic.Id == id || id == Guid.Empty))
        {
            return topic;
        }
        topic = new HostedTopic(name, id, _time);
        _byName[name] = topic;
        _byUtf8[topic.Utf8] = topic;
        if (id != Guid.Empty)
        {
            _byId[id] = topic;
        }
        return topic;
    }

    /// <summary>Rises with each partition that comes or goes: a list of them is of its number.</summary>
    public int Changes => Volatile.Read(ref _changes);

    public void Add(HostedTopic topic, int index, Partition partition)
    {
        topic.Set(index, partition);
        Interlocked.Increment(ref _changes);
    }

    /// <summary>Takes a partition out, and its topic when that was the last.</summary>
    public void Remove(HostedTopic topic, int index)
    {
        topic.Set(index, null);
        Interlocked.Increment(ref _changes);
        if (topic.IsEmpty)
        {
            AllTopics.Forget(topic.Metrics, () => _byName.TryRemove(KeyValuePair.Create(topic.Name, topic)));
            _byUtf8.TryRemove(KeyValuePair.Create(topic.Utf8, topic));
            _byId.TryRemove(KeyValuePair.Create(topic.Id, topic));
        }
    }

    /// <summary>Compares names as bytes.</summary>
    private sealed class Utf8Comparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly Utf8Comparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode([DisallowNull] byte[] obj) => GetHashCode(obj.AsSpan());

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            uint hash = 2166136261;
            foreach (byte b in alternate)
            {
                hash = (hash ^ b) * 16777619;
            }
            return (int)hash;
        }
    }
}
