using System.Globalization;

namespace Broker.Engine.Configuration;

/// <summary>Replicas of a topic whose replication is throttled, as <c>leader.</c> and <c>follower.replication.throttled.replicas</c>
/// list them: <c>partition:broker</c>, or <c>*</c> for all. Immutable.</summary>
internal sealed class ThrottledReplicas
{
    public static readonly ThrottledReplicas None = new([], all: false);

    private readonly HashSet<(int Partition, int Broker)> _replicas;
    private readonly bool _all;

    private ThrottledReplicas(HashSet<(int, int)> replicas, bool all)
    {
        _replicas = replicas;
        _all = all;
    }

    public bool Contains(int partition, int broker) => _all || _replicas.Contains((partition, broker));

    /// <summary>Reads a list that was checked as it was set; what is no replica is left out.</summary>
    public static ThrottledReplicas Parse(IReadOnlyList<string> list)
    {
        if (list.Count == 0)
        {
            return None;
        }
        if (list.Contains("*"))
        {
            return new ThrottledReplicas([], all: true);
        }
        var replicas = new HashSet<(int, int)>();
        foreach (string one in list)
        {
            string[] parts = one.Split(':');
            if (parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int partition)
                && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int broker))
            {
                replicas.Add((partition, broker));
            }
        }
        return new ThrottledReplicas(replicas, all: false);
    }
}
