using System.Runtime.InteropServices;

namespace Broker.Engine.Coordination.Embedded;

/// <summary>A node. Its data is never changed in place.</summary>
internal sealed class Node
{
    public required string Path { get; init; }

    /// <summary>None (the default) is another than some that is empty.</summary>
    public ReadOnlyMemory<byte> Data { get; set; }
    public long Czxid { get; init; }
    public long Mzxid { get; set; }
    public long Pzxid { get; set; }
    public long CtimeMs { get; init; }
    public long MtimeMs { get; set; }
    public int Version { get; set; }

    /// <summary>Children ever created: the number that the next sequential child gets. ZooKeeper shows twice this less
    /// the children there are, which counts creations and deletions (DataNode.copyStat).</summary>
    public int ChildrenCreated { get; set; }

    public long EphemeralOwner { get; init; }

    /// <summary>The access list, null where the node is open to all.</summary>
    public AccessEntry[]? Access { get; set; }
    public int AccessVersion { get; set; }

    /// <summary>Whether it goes once its children have gone.</summary>
    public bool IsContainer { get; init; }
    public HashSet<string>? Children { get; set; }

    public int ChildCount => Children?.Count ?? 0;

    public NodeStat Stat => new(
        Czxid, Mzxid, Pzxid, CtimeMs, MtimeMs, Version, (ChildrenCreated * 2) - ChildCount, EphemeralOwner,
        Data.Length, ChildCount, AccessVersion);
}

/// <summary>
/// The tree as of the last transaction applied: nodes by path. Applying never fails, because only changes that were
/// found possible get here; one that does not fit is a damaged journal. Not thread-safe.
/// </summary>
internal sealed class NodeTree
{
    private readonly Dictionary<string, Node> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<long, HashSet<string>> _ephemerals = [];

    /// <summary>The nodes that every ZooKeeper has, and that are of no transaction.</summary>
    public NodeTree()
    {
        _nodes.Add(NodePath.Root, new Node { Path = NodePath.Root });
        foreach (string path in NodePath.OwnNodes)
        {
            bool isConfig = path == NodePath.OwnConfig;
            Restore(new Node
            {
                Path = path,
                Data = Array.Empty<byte>(),
                Access = isConfig ? [new(AccessEntry.Read, AccessEntry.World, AccessEntry.Anyone)] : null,
                AccessVersion = isConfig ? -1 : 0,
            });
        }
    }

    /// <summary>Number of the last transaction applied.</summary>
    public long Zxid { get; private set; }

    public int Count => _nodes.Count;

    /// <summary>Bytes of data and paths held, for snapshots.</summary>
    public IReadOnlyCollection<Node> Nodes => _nodes.Values;

    public Node? Find(string path) => _nodes.GetValueOrDefault(path);

    /// <summary>Paths of a session's ephemeral nodes.</summary>
    public IReadOnlyCollection<string> EphemeralsOf(long sessionId) =>
        _ephemerals.TryGetValue(sessionId, out HashSet<string>? paths) ? paths : [];

    /// <summary>Applies one change of a transaction and returns the node's stat after it.</summary>
    /// <exception cref="CoordinationStoreException">The change does not fit the tree.</exception>
    public NodeStat Apply(in Change change, long zxid, long timeMs)
    {
        switch (change.Kind)
        {
            case ChangeKind.Create:
                return Create(change, zxid, timeMs);
            case ChangeKind.Set:
                Node node = Existing(change.Path, zxid);
                node.Data = change.Data;
                node.Version++;
                node.Mzxid = zxid;
                node.MtimeMs = timeMs;
                return node.Stat;
            case ChangeKind.Delete:
                Delete(change.Path, zxid);
                return default;
            case ChangeKind.SetAccess:
                Node guarded = Existing(change.Path, zxid);
                guarded.Access = change.Access;
                guarded.AccessVersion++;
                return guarded.Stat;
            default:
                return Find(change.Path)?.Stat ?? default;
        }
    }

    /// <summary>Ends a transaction.</summary>
    public void Advance(long zxid) => Zxid = zxid;

    /// <summary>Puts a node of a snapshot into the tree. Parents come first.</summary>
    public void Restore(Node node)
    {
        if (_nodes.TryGetValue(node.Path, out Node? own))
        {
            node.Children = own.Children;   // one that every tree has
            _nodes[node.Path] = node;
            return;
        }
        Node parent = Existing(NodePath.Parent(node.Path), Zxid);
        (parent.Children ??= new HashSet<string>(StringComparer.Ordinal)).Add(NodePath.Name(node.Path));
        _nodes.Add(node.Path, node);
        Own(node);
    }

    private NodeStat Create(in Change change, long zxid, long timeMs)
    {
        Node parent = Existing(NodePath.Parent(change.Path), zxid);
        var node = new Node
        {
            Path = change.Path,
            Data = change.Data,
            Czxid = zxid,
            Mzxid = zxid,
            Pzxid = zxid,
            CtimeMs = timeMs,
            MtimeMs = timeMs,
            EphemeralOwner = change.SessionId,
            Access = change.Access,
            IsContainer = change.IsContainer,
        };
        if (!_nodes.TryAdd(change.Path, node))
        {
            throw new CoordinationStoreException($"transaction {zxid} creates {change.Path}, which exists");
        }
        (parent.Children ??= new HashSet<string>(StringComparer.Ordinal)).Add(NodePath.Name(change.Path));
        parent.ChildrenCreated++;
        parent.Pzxid = zxid;
        Own(node);
        return node.Stat;
    }

    private void Own(Node node)
    {
        if (node.EphemeralOwner != 0)
        {
            ref HashSet<string>? paths =
                ref CollectionsMarshal.GetValueRefOrAddDefault(_ephemerals, node.EphemeralOwner, out _);
            (paths ??= new HashSet<string>(StringComparer.Ordinal)).Add(node.Path);
        }
    }

    private void Delete(string path, long zxid)
    {
        Node node = Existing(path, zxid);
        Node parent = Existing(NodePath.Parent(path), zxid);
        _nodes.Remove(path);
        parent.Children!.Remove(NodePath.Name(path));
        parent.Pzxid = zxid;
        if (node.EphemeralOwner != 0 && _ephemerals.TryGetValue(node.EphemeralOwner, out HashSet<string>? paths))
        {
            paths.Remove(path);
            if (paths.Count == 0)
            {
                _ephemerals.Remove(node.EphemeralOwner);
            }
        }
    }

    private Node Existing(string path, long zxid) =>
        _nodes.GetValueOrDefault(path)
        ?? throw new CoordinationStoreException($"transaction {zxid} needs {path}, which does not exist");
}
