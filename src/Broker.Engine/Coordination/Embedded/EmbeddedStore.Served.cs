namespace Broker.Engine.Coordination.Embedded;

/// <summary>What serving the tree by ZooKeeper's protocol needs of it.</summary>
internal sealed partial class EmbeddedStore
{
    /// <summary>Held while something is read and its watch set. May be taken again by who holds it.</summary>
    internal Lock Gate => _lock;

    /// <summary>Called with each change as it is committed, in order, under the gate.</summary>
    internal Action<Change>? Committed { get; set; }

    /// <summary>The last transaction.</summary>
    internal long Zxid
    {
        get
        {
            lock (_lock)
            {
                return _tree.Zxid;
            }
        }
    }

    /// <summary>Paths of a session's ephemeral nodes, in order.</summary>
    internal string[] EphemeralsOf(long session)
    {
        lock (_lock)
        {
            return [.. _tree.EphemeralsOf(session).Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>How many nodes lie below a path, or null where there is none.</summary>
    internal int? CountBelow(string path)
    {
        lock (_lock)
        {
            string prefix = path == NodePath.Root ? path : path + "/";
            return _tree.Find(path) is null ? null
                : _tree.Nodes.Count(n => n.Path.Length > prefix.Length && n.Path.StartsWith(prefix, StringComparison.Ordinal));
        }
    }

    /// <summary>Nodes, ephemeral ones, and bytes of paths and data.</summary>
    internal (int Nodes, int Ephemerals, long Bytes) Survey()
    {
        lock (_lock)
        {
            return (_tree.Count, _tree.Nodes.Count(n => n.EphemeralOwner != 0), _tree.Nodes.Sum(n => (long)n.Path.Length + n.Data.Length));
        }
    }
}
