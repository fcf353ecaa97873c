using System.Text;

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

    /// <summary>A node's access list, null where it is open to all or not there.</summary>
    internal AccessEntry[]? AccessOf(string path)
    {
        lock (_lock)
        {
            return _tree.Find(path)?.Access;
        }
    }

    /// <summary>What lies below the path that a node of quotas is about, as ZooKeeper counts it there. Quotas bound nothing.</summary>
    /// <returns>Null where the path is that of another node.</returns>
    internal byte[]? QuotaFigures(string path)
    {
        const string begin = "/zookeeper/quota/";
        const string end = "/zookeeper_stats";
        if (!path.StartsWith(begin, StringComparison.Ordinal) || !path.EndsWith(end, StringComparison.Ordinal) || path.Length <= begin.Length + end.Length)
        {
            return null;
        }
        string top = path[(begin.Length - 1)..^end.Length];
        lock (_lock)
        {
            Node[] nodes = [.. _tree.Nodes.Where(n => n.Path == top || n.Path.StartsWith(top + "/", StringComparison.Ordinal))];
            return Encoding.ASCII.GetBytes($"count={nodes.Length},bytes={nodes.Sum(n => n.Data.Length)}");
        }
    }

    /// <summary>Deletes containers whose children have gone.</summary>
    internal void DeleteEmptyContainers()
    {
        lock (_lock)
        {
            List<CoordinationOperation> empty = [.. _tree.Nodes
                .Where(n => n is { IsContainer: true, ChildCount: 0, ChildrenCreated: > 0 }).Select(n => CoordinationOperation.Delete(n.Path))];
            var changes = new List<Change>();
            if (empty.Count > 0 && _pending.TryAccept(0, empty, changes, out _) == CoordinationError.None)
            {
                Commit(changes, results: null);
            }
        }
    }

    /// <summary>Sessions with ephemeral nodes, and all that are open, with the time that each has left.</summary>
    internal (long Id, TimeSpan Left, string[] Ephemerals)[] Sessions()
    {
        lock (_lock)
        {
            return [.. _sessions.Values.OrderBy(s => s.Id).Select(s => (
                s.Id, s.Timeout - TimeSpan.FromMilliseconds(_clock.NowMs - s.HeardMs),
                _tree.EphemeralsOf(s.Id).Order(StringComparer.Ordinal).ToArray()))];
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
