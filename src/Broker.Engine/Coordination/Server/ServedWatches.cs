using System.Runtime.InteropServices;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Coordination.Jute;

namespace Broker.Engine.Coordination.Server;

/// <summary>Which of ZooKeeper's watches looks at a path.</summary>
internal enum ServedWatch
{
    /// <summary>Once, on data or creation.</summary>
    Data,

    /// <summary>Once, on children.</summary>
    Children,

    /// <summary>On all of a node, until taken off.</summary>
    Persistent,

    /// <summary>On all of a node and what is below it, until taken off.</summary>
    Recursive,
}

/// <summary>
/// The watches of connections that speak ZooKeeper's protocol. Everything happens under the store's gate: a client that reads
/// what changed has been sent the event before. Thread-safe.
/// </summary>
internal sealed class ServedWatches(EmbeddedStore store)
{
    private static readonly int s_kinds = Enum.GetValues<ServedWatch>().Length;

    private readonly Dictionary<string, HashSet<TreeConnection>>[] _byPath =
        [.. Enumerable.Range(0, s_kinds).Select(_ => new Dictionary<string, HashSet<TreeConnection>>(StringComparer.Ordinal))];

    private readonly Dictionary<TreeConnection, HashSet<(ServedWatch, string)>> _byConnection = [];
    private readonly HashSet<TreeConnection> _told = [];

    /// <summary>Sets a watch.</summary>
    /// <returns>False where the connection has as many as it may.</returns>
    public bool Add(ServedWatch kind, string path, TreeConnection connection)
    {
        lock (store.Gate)
        {
            ref HashSet<(ServedWatch, string)>? own = ref CollectionsMarshal.GetValueRefOrAddDefault(_byConnection, connection, out _);
            own ??= [];
            if (own.Count >= TreeServerOptions.WatchesMax && !own.Contains((kind, path)))
            {
                return false;
            }
            if (own.Add((kind, path)))
            {
                ref HashSet<TreeConnection>? here = ref CollectionsMarshal.GetValueRefOrAddDefault(_byPath[(int)kind], path, out _);
                (here ??= []).Add(connection);
            }
            return true;
        }
    }

    public bool Has(ServedWatch kind, string path, TreeConnection connection)
    {
        lock (store.Gate)
        {
            return _byConnection.TryGetValue(connection, out HashSet<(ServedWatch, string)>? own) && own.Contains((kind, path));
        }
    }

    /// <returns>Whether there was one.</returns>
    public bool Remove(ServedWatch kind, string path, TreeConnection connection)
    {
        lock (store.Gate)
        {
            if (!_byConnection.TryGetValue(connection, out HashSet<(ServedWatch, string)>? own) || !own.Remove((kind, path)))
            {
                return false;
            }
            RemoveHere(kind, path, connection);
            return true;
        }
    }

    /// <summary>Takes all watches of a connection off.</summary>
    public void Remove(TreeConnection connection)
    {
        lock (store.Gate)
        {
            if (_byConnection.Remove(connection, out HashSet<(ServedWatch, string)>? own))
            {
                foreach ((ServedWatch kind, string path) in own)
                {
                    RemoveHere(kind, path, connection);
                }
            }
        }
    }

    private void RemoveHere(ServedWatch kind, string path, TreeConnection connection)
    {
        if (_byPath[(int)kind].TryGetValue(path, out HashSet<TreeConnection>? here) && here.Remove(connection) && here.Count == 0)
        {
            _byPath[(int)kind].Remove(path);
        }
    }

    /// <summary>Each connection that watches, with the paths.</summary>
    public (TreeConnection Connection, string[] Paths)[] All()
    {
        lock (store.Gate)
        {
            return [.. _byConnection.Where(c => c.Value.Count > 0)
                .Select(c => (c.Key, c.Value.Select(w => w.Item2).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToArray()))];
        }
    }

    /// <summary>Connections that watch, paths watched, and watches.</summary>
    public (int Connections, int Paths, int Watches) Count()
    {
        lock (store.Gate)
        {
            return (
                _byConnection.Values.Count(own => own.Count > 0), _byPath.SelectMany(p => p.Keys).Distinct(StringComparer.Ordinal).Count(),
                _byConnection.Values.Sum(own => own.Count));
        }
    }

    /// <summary>Tells of a change as it is committed, under the gate.</summary>
    public void OnChange(Change change)
    {
        string parent = NodePath.Parent(change.Path);
        switch (change.Kind)
        {
            case ChangeKind.Create:
                Tell(change.Path, change.Access, KeeperEvent.NodeCreated, ServedWatch.Data);
                Tell(parent, store.AccessOf(parent), KeeperEvent.NodeChildrenChanged, ServedWatch.Children);
                break;
            case ChangeKind.Set:
                Tell(change.Path, store.AccessOf(change.Path), KeeperEvent.NodeDataChanged, ServedWatch.Data);
                break;
            case ChangeKind.Delete:
                Tell(change.Path, change.Access, KeeperEvent.NodeDeleted, ServedWatch.Data, ServedWatch.Children);
                Tell(parent, store.AccessOf(parent), KeeperEvent.NodeChildrenChanged, ServedWatch.Children);
                break;
        }
    }

    /// <summary>One event for each connection that may read the node, whichever of its watches it is for.</summary>
    private void Tell(string path, AccessEntry[]? access, KeeperEvent what, params ReadOnlySpan<ServedWatch> once)
    {
        _told.Clear();
        foreach (ServedWatch kind in once)
        {
            if (_byPath[(int)kind].Remove(path, out HashSet<TreeConnection>? here))
            {
                foreach (TreeConnection connection in here)
                {
                    _byConnection[connection].Remove((kind, path));
                    _told.Add(connection);
                }
            }
        }
        Collect(ServedWatch.Persistent, path);
        if (what != KeeperEvent.NodeChildrenChanged && _byPath[(int)ServedWatch.Recursive].Count > 0)
        {
            for (string at = path; ; at = NodePath.Parent(at))
            {
                Collect(ServedWatch.Recursive, at);
                if (at == NodePath.Root)
                {
                    break;
                }
            }
        }
        foreach (TreeConnection connection in _told)
        {
            if (connection.Identity.Allows(access, AccessEntry.Read))
            {
                connection.SendEvent(what, path);
            }
        }
    }

    private void Collect(ServedWatch kind, string path)
    {
        if (_byPath[(int)kind].TryGetValue(path, out HashSet<TreeConnection>? here))
        {
            _told.UnionWith(here);
        }
    }
}
