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
    private AccessGuard? _guard;

    /// <summary>Forgets everything: it was applied to the tree.</summary>
    public void Clear() => _nodes.Clear();

    /// <summary>Makes the changes of a list of operations, all or none.</summary>
    /// <param name="sessionId">The session that asks.</param>
    /// <param name="operations">What it asks.</param>
    /// <param name="changes">Gets one change an operation.</param>
    /// <param name="failedIndex">The operation that stood in the way, -1 if none.</param>
    /// <param name="guard">Holds the access lists against the session, or null for one that may do everything.</param>
    public CoordinationError TryAccept(
        long sessionId, IReadOnlyList<CoordinationOperation> operations, List<Change> changes, out int failedIndex, AccessGuard? guard = null)
    {
        _undo.Clear();
        _guard = guard;
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
        _guard = null;
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
                CoordinationError error = Check(node, AccessEntry.Write, node.Version, operation.Version);
                if (error == CoordinationError.None)
                {
                    Put(operation.Path, node with { Version = node.Version + 1 });
                    changes.Add(new Change(ChangeKind.Set, operation.Path, operation.Data, node.EphemeralOwner));
                }
                return error;
            case OperationKind.SetAccess:
                return SetAccess(operation, changes);
            default:
                changes.Add(new Change(ChangeKind.None, operation.Path, default, 0));
                PendingNode seen = Find(operation.Path);
                return Check(seen, AccessEntry.Read, seen.Version, operation.Version);
        }
    }

    private CoordinationError SetAccess(in CoordinationOperation operation, List<Change> changes)
    {
        if (operation.Access is { Length: 0 })
        {
            return CoordinationError.InvalidAccess;
        }
        PendingNode node = Find(operation.Path);
        CoordinationError error = Check(node, AccessEntry.Admin, node.AccessVersion, operation.Version);
        if (error == CoordinationError.None)
        {
            Put(operation.Path, node with { Access = operation.Access, AccessVersion = node.AccessVersion + 1 });
            changes.Add(new Change(ChangeKind.SetAccess, operation.Path, default, node.EphemeralOwner) { Access = operation.Access });
        }
        return error;
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
        if (operation.Access is { Length: 0 })
        {
            return CoordinationError.InvalidAccess;
        }
        string parentPath = NodePath.Parent(operation.Path);
        PendingNode parent = Find(parentPath);
        if (!parent.Exists)
        {
            return operation.Path == NodePath.Root ? CoordinationError.NodeExists : CoordinationError.NoNode;
        }
        if (!Allows(parent, AccessEntry.Create))
        {
            return CoordinationError.NoAuth;
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
        Put(path, new PendingNode(Exists: true, Version: 0, ChildrenCreated: 0, ChildCount: 0, EphemeralOwner: owner, Access: operation.Access));
        changes.Add(new Change(ChangeKind.Create, path, operation.Data, owner)
        {
            Access = operation.Access,
            IsContainer = operation.Mode == CreateMode.Container,
        });
        return CoordinationError.None;
    }

    private CoordinationError Delete(in CoordinationOperation operation, List<Change> changes)
    {
        if (operation.Path == NodePath.Root || NodePath.OwnNodes.Contains(operation.Path))
        {
            return CoordinationError.BadArguments;
        }
        string parentPath = NodePath.Parent(operation.Path);
        PendingNode parent = Find(parentPath);
        PendingNode node = Find(operation.Path);
        // Who may not delete here does not learn what is there.
        CoordinationError error = !parent.Exists ? CoordinationError.NoNode : !Allows(parent, AccessEntry.Delete) ? CoordinationError.NoAuth
            : CheckVersion(node, node.Version, operation.Version);
        if (error != CoordinationError.None)
        {
            return error;
        }
        if (node.ChildCount > 0)
        {
            return CoordinationError.NotEmpty;
        }
        Put(parentPath, parent with { ChildCount = parent.ChildCount - 1 });
        Put(operation.Path, default);
        changes.Add(new Change(ChangeKind.Delete, operation.Path, default, node.EphemeralOwner) { Access = node.Access });
        return CoordinationError.None;
    }

    /// <param name="node">What something is to be done with.</param>
    /// <param name="permission">What is needed.</param>
    /// <param name="version">The version that stands.</param>
    /// <param name="expected">The version that is expected.</param>
    private CoordinationError Check(in PendingNode node, int permission, int version, int expected) =>
        node.Exists && !Allows(node, permission) ? CoordinationError.NoAuth : CheckVersion(node, version, expected);

    private static CoordinationError CheckVersion(in PendingNode node, int version, int expected) =>
        !node.Exists ? CoordinationError.NoNode
        : expected == CoordinationOperation.AnyVersion || expected == version ? CoordinationError.None : CoordinationError.BadVersion;

    private bool Allows(in PendingNode node, int permission) => _guard?.Invoke(node.Access, permission) ?? true;

    private PendingNode Find(string path)
    {
        if (_nodes.TryGetValue(path, out PendingNode pending))
        {
            return pending;
        }
        return tree.Find(path) is { } node
            ? new PendingNode(true, node.Version, node.ChildrenCreated, node.ChildCount, node.EphemeralOwner, node.Access, node.AccessVersion)
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
        bool Exists, int Version, int ChildrenCreated, int ChildCount, long EphemeralOwner, AccessEntry[]? Access = null, int AccessVersion = 0);
}
