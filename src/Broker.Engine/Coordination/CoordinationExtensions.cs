namespace Broker.Engine.Coordination;

/// <summary>What callers of a session often want in one call. Stateless.</summary>
internal static class CoordinationExtensions
{
    /// <summary>Deletions in one multi: far below the megabyte that a multi may have.</summary>
    private const int DeletesPerMulti = 500;

    /// <exception cref="CoordinationException">The error is not None.</exception>
    public static void ThrowIfFailed(this CoordinationError error, string path)
    {
        if (error != CoordinationError.None)
        {
            throw new CoordinationException(error, path);
        }
    }

    /// <summary>What cannot be read must not be taken for gone.</summary>
    /// <exception cref="CoordinationException">The error is neither None nor NoNode.</exception>
    public static void ThrowUnlessGone(this CoordinationError error, string path)
    {
        if (error != CoordinationError.NoNode)
        {
            error.ThrowIfFailed(path);
        }
    }

    /// <summary>Creates a persistent node and the parents it lacks; one that exists already is left as it is.</summary>
    /// <exception cref="CoordinationException">It could not be created.</exception>
    public static async ValueTask EnsurePathAsync(
        this ICoordinationSession session, string path, CancellationToken cancellationToken)
    {
        StatResult there = await session.ExistsAsync(path, cancellationToken).ConfigureAwait(false);
        if (there.Error == CoordinationError.None)
        {
            return;
        }
        if (there.Error != CoordinationError.NoNode)
        {
            there.Error.ThrowIfFailed(path);
        }
        string parent = NodePath.Parent(path);
        if (parent != NodePath.Root)
        {
            await session.EnsurePathAsync(parent, cancellationToken).ConfigureAwait(false);
        }
        CreateResult created = await session
            .CreateAsync(path, default, CreateMode.Persistent, cancellationToken).ConfigureAwait(false);
        if (created.Error != CoordinationError.NodeExists)
        {
            created.Error.ThrowIfFailed(path);
        }
    }

    /// <summary>Sets a node's data whatever its version, or creates it and the parents it lacks.</summary>
    /// <exception cref="CoordinationException">It could be neither set nor created.</exception>
    public static async ValueTask PutAsync(
        this ICoordinationSession session, string path, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        while (true)
        {
            StatResult set = await session
                .SetAsync(path, data, CoordinationOperation.AnyVersion, cancellationToken).ConfigureAwait(false);
            if (set.Error != CoordinationError.NoNode)
            {
                set.Error.ThrowIfFailed(path);
                return;
            }
            await session.EnsurePathAsync(NodePath.Parent(path), cancellationToken).ConfigureAwait(false);
            CreateResult created = await session
                .CreateAsync(path, data, CreateMode.Persistent, cancellationToken).ConfigureAwait(false);
            if (created.Error is not (CoordinationError.NodeExists or CoordinationError.NoNode))
            {
                created.Error.ThrowIfFailed(path);
                return;
            }
        }
    }

    /// <summary>Deletes a node and all below it, deepest first, in as few transactions as the limit of a multi
    /// allows; one that is gone already is no error.</summary>
    /// <param name="session">Whose transactions these are.</param>
    /// <param name="path">The topmost node.</param>
    /// <param name="guards">Must hold in every transaction.</param>
    /// <param name="with">Nodes without children that go in the last transaction, where they are there.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="CoordinationException">It could not be deleted, or a guard did not hold (BadVersion).</exception>
    public static async ValueTask DeleteTreeAsync(
        this ICoordinationSession session, string path, IReadOnlyList<CoordinationOperation> guards, IReadOnlyList<string> with,
        CancellationToken cancellationToken)
    {
        while (true)
        {
            var operations = new List<CoordinationOperation>();
            await CollectDeletesAsync(session, path, operations, cancellationToken).ConfigureAwait(false);
            foreach (string other in with)
            {
                if ((await session.ExistsAsync(other, cancellationToken).ConfigureAwait(false)).Error == CoordinationError.None)
                {
                    operations.Add(CoordinationOperation.Delete(other));
                }
            }
            CoordinationError error = CoordinationError.None;
            for (int from = 0; from < operations.Count && error == CoordinationError.None; from += DeletesPerMulti)
            {
                List<CoordinationOperation> some =
                    [.. guards, .. operations.GetRange(from, Math.Min(DeletesPerMulti, operations.Count - from))];
                error = (await session.MultiAsync(some, cancellationToken).ConfigureAwait(false)).Error;
            }
            if (error is CoordinationError.NoNode or CoordinationError.NotEmpty)
            {
                continue; // Somebody else adds or deletes below: look again.
            }
            error.ThrowIfFailed(path);
            return;
        }
    }

    private static async ValueTask CollectDeletesAsync(
        ICoordinationSession session,
        string path,
        List<CoordinationOperation> operations,
        CancellationToken cancellationToken)
    {
        ChildrenResult children = await session.GetChildrenAsync(path, cancellationToken).ConfigureAwait(false);
        if (children.Error == CoordinationError.NoNode)
        {
            return;
        }
        children.Error.ThrowIfFailed(path);
        foreach (string child in children.Children)
        {
            await CollectDeletesAsync(session, NodePath.Child(path, child), operations, cancellationToken)
                .ConfigureAwait(false);
        }
        operations.Add(CoordinationOperation.Delete(path));
    }
}
