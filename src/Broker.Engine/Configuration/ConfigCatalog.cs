using System.Collections.Frozen;
using Broker.Engine.Configuration.Keys;

namespace Broker.Engine.Configuration;

/// <summary>Every configuration key of Kafka 4.3, 3.9 and 2.8, by name. Immutable.</summary>
internal static class ConfigCatalog
{
    /// <summary>The tables by the heading that documentation gives them.</summary>
    public static readonly IReadOnlyList<(string Heading, string Table)> BrokerTables =
    [
        ("Broker", BrokerKeys.Table), ("Listeners", ListenerKeys.Table), ("Network", NetworkKeys.Table), ("Logs", LogKeys.Table),
        ("Compaction", CleanerKeys.Table), ("Groups and offsets", GroupKeys.Table), ("Newer kinds of groups", NewGroupKeys.Table),
        ("Replication", ReplicationKeys.Table), ("Transactions", TransactionKeys.Table), ("Metrics and quotas", MetricsKeys.Table),
        ("ZooKeeper", ZooKeeperKeys.Table), ("KRaft", KRaftKeys.Table), ("Tiered storage", RemoteStorageKeys.Table),
        ("Security", SecurityKeys.Table),
    ];

    public static readonly FrozenDictionary<string, ConfigKey> Broker = BrokerTables
        .SelectMany(t => KeyTable.Read(t.Table, isTopic: false)).ToFrozenDictionary(k => k.Name, StringComparer.Ordinal);

    public static readonly FrozenDictionary<string, ConfigKey> Topic = KeyTable.Read(TopicKeys.Table, isTopic: true)
        .ToFrozenDictionary(k => k.Name, StringComparer.Ordinal);

    /// <summary>A broker key, also one written for a listener of its own (listener.name.NAME.key).</summary>
    public static ConfigKey? Find(string name)
    {
        const string prefix = "listener.name.";
        if (name.StartsWith(prefix, StringComparison.Ordinal) && name.IndexOf('.', prefix.Length) is > 0 and int dot)
        {
            return Broker.GetValueOrDefault(name[(dot + 1)..]);
        }
        return Broker.GetValueOrDefault(name);
    }

    /// <summary>The known key that an unknown one was probably meant to be, or null.</summary>
    public static string? Nearest(string name)
    {
        (string? best, int distance) = (null, Math.Max(2, name.Length / 3) + 1);
        foreach (string known in Broker.Keys.Order(StringComparer.Ordinal))
        {
            int d = Math.Abs(known.Length - name.Length) >= distance ? distance : Distance(name, known);
            if (d < distance)
            {
                (best, distance) = (known, d);
            }
        }
        return best;
    }

    /// <summary>Characters to insert, delete or change (Levenshtein).</summary>
    private static int Distance(string left, string right)
    {
        int[] row = [.. Enumerable.Range(0, right.Length + 1)];
        for (int i = 1; i <= left.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= right.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (left[i - 1] == right[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[^1];
    }
}
