namespace Broker.Engine.Coordination.Embedded;

/// <summary>
/// Decides whether operations are possible on the tree as it will be once everything accepted before them is applied:
/// the tree itself shows only what is durable. The checks and their order are ZooKeeper's (PrepRequestProcessor).
/// Not thread-safe.
/// </summary>
internal sealed class PendingChanges(NodeTree tree)
{
    private readonly Dictionary<string, PendingNode> _nodes = new(StringComparer.Ordinal);
    private readonly List<(string Path, PendingNode? Before)> _undo = [];

    /// <summary>Forgets everything: it was applied to the tree.</summary>
    public void Clear() => _nodes.Clear();

    /// <summary>Makes the changes of a list of operations, all or none.</summary>
    /// <param name="sessionId">The session that asks.</param>
    /// <param name="operations">What it asks.</param>
    /// <param name="changes">Gets one change an operation.</param>
    /// <param name="failedIndex">The operation that stood in the way, -1 if none.</param>
    public CoordinationError TryAccept(
        long sessionId, IReadOnlyList<CoordinationOperation> operations, List<Change> changes, out int failedIndex)
    {
        _undo.Clear();
        for (int i = 0; i < operations.Count; i++)
        {
            CoordinationError error = Accept(sessionId, operations[i], changes);
            if (error != CoordinationError.None)
            {
                Undo();
                changes.Clear();
                failedIndex = i;
                return error;
            }
        }
        failedIndex = -1;
        return CoordinationError.None;
    }

    /// <summary>The deletion of everything that ends with a session.</summary>
    public void AcceptClose(long sessionId, List<Change> changes)
    {
        _undo.Clear();
        var paths = new SortedSet<string>(tree.EphemeralsOf(sessionId), StringComparer.Ordinal);
        foreach ((string path, PendingNode node) in _nodes)
        {
            if (node.Exists && node.EphemeralOwner == sessionId)
            {
                paths.Add(path);
            }
        }
        foreach (string path in paths)
        {
            if (Delete(CoordinationOperation.Delete(path), changes) == CoordinationError.BadVersion)
            {
                throw new InvalidOperationException("any version matches");
            }
        }
    }

    private CoordinationError Accept(long sessionId, in CoordinationOperation operation, List<Change> changes)
    {
        if (operation.Kind == OperationKind.Create)
        {
            return Create(sessionId, operation, changes);
        }
        if (!NodePath.IsValid(operation.Path) || operation.Data.Length > ICoordinationStore.DataBytesMax)
        {
            return CoordinationError.BadArguments;
        }
        switch (operation.Kind)
        {
            case OperationKind.Delete:
                return Delete(operation, changes);
            case OperationKind.Set:
                PendingNode node = Find(operation.Path);
                CoordinationError error = CheckVersion(node, operation.Version);
                if (error == CoordinationError.None)
                {
                    Put(operation.Path, node with { Version = node.Version + 1 });
                    changes.Add(new Change(ChangeKind.Set, operation.Path, operation.Data, node.EphemeralOwner));
                }
                return error;
            default:
                changes.Add(new Change(ChangeKind.None, operation.Path, default, 0));
                return CheckVersion(Find(operation.Path), operation.Version);
        }
    }

    private CoordinationError Create(long sessionId, in CoordinationOperation operation, List<Change> changes)
    {
        bool sequential = operation.Mode is CreateMode.PersistentSequential or CreateMode.EphemeralSequential;
        bool ephemeral = operation.Mode is CreateMode.Ephemeral or CreateMode.EphemeralSequential;
        if (operation.Data.Length > ICoordinationStore.DataBytesMax
            || !NodePath.IsValid(sequential ? operation.Path + "1" : operation.Path))
        {
            return CoordinationError.BadArguments;
        }
        string parentPath = NodePath.Parent(operation.Path);
        PendingNode parent = Find(parentPath);
        if (!parent.Exists)
        {
            return operation.Path == NodePath.Root ? CoordinationError.NodeExists : CoordinationError.NoNode;
        }
        string path = sequential ? $"{operation.Path}{parent.ChildrenCreated:D10}" : operation.Path;
        if (Find(path).Exists)
        {
            return CoordinationError.NodeExists;
        }
        if (parent.EphemeralOwner != 0)
        {
            return CoordinationError.NoChildrenForEphemerals;
        }
        long owner = ephemeral ? sessionId : 0;
        Put(parentPath, parent with
        {
            ChildCount = parent.ChildCount + 1,
            ChildrenCreated = parent.ChildrenCreated + 1,
        });
        Put(path, new PendingNode(Exists: true, Version: 0, ChildrenCreated: 0, ChildCount: 0, EphemeralOwner: owner));
        changes.Add(new Change(ChangeKind.Create, path, operation.Data, owner));
        return CoordinationError.None;
    }

    private CoordinationError Delete(in CoordinationOperation operation, List<Change> changes)
    {
        if (operation.Path == NodePath.Root)
        {
            return CoordinationError.BadArguments;
        }
        PendingNode node = Find(operation.Path);
        CoordinationError error = CheckVersion(node, operation.Version);
        if (error != CoordinationError.None)
        {
            return error;
        }
        if (node.ChildCount > 0)
        {
            return CoordinationError.NotEmpty;
        }
        string parentPath = NodePath.Parent(operation.Path);
        PendingNode parent = Find(parentPath);
        Put(parentPath, parent with { ChildCount = parent.ChildCount - 1 });
        Put(operation.Path, default);
        changes.Add(new Change(ChangeKind.Delete, operation.Path, default, node.EphemeralOwner));
        return CoordinationError.None;
    }

    private static CoordinationError CheckVersion(in PendingNode node, int version)
    {
        if (!node.Exists)
        {
            return CoordinationError.NoNode;
        }
        return version == CoordinationOperation.AnyVersion || version == node.Version
            ? CoordinationError.None
            : CoordinationError.BadVersion;
    }

    private PendingNode Find(string path)
    {
        if (_nodes.TryGetValue(path, out PendingNode pending))
        {
            return pending;
        }
        return tree.Find(path) is { } node
            ? new PendingNode(true, node.Version, node.ChildrenCreated, node.ChildCount, node.EphemeralOwner)
            : default;
    }

    private void Put(string path, in PendingNode node)
    {
        _undo.Add((path, _nodes.TryGetValue(path, out PendingNode before) ? before : null));
        _nodes[path] = node;
    }

    private void Undo()
    {
        for (int i = _undo.Count - 1; i >= 0; i--)
        {
            (string path, PendingNode? before) = _undo[i];
            if (before is { } node)
            {
                _nodes[path] = node;
            }
            else
            {
                _nodes.Remove(path);
            }
        }
    }

    private readonly record struct PendingNode(
        bool Exists, int Version, int ChildrenCreated, int ChildCount, long EphemeralOwner);
}
