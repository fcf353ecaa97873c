using Broker.Engine.Coordination.Jute;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>Writes, and what becomes of those whose answer was lost.</summary>
internal sealed partial class ZooKeeperSession
{
    /// <summary>Bytes of a packet's header.</summary>
    private const int HeaderBytes = 2 * sizeof(int);

    public async ValueTask<MultiResult> MultiAsync(
        IReadOnlyList<CoordinationOperation> operations, CancellationToken cancellationToken)
    {
        var writer = new JuteWriter(4096);
        for (int i = 0; i < operations.Count; i++)
        {
            if (Refuse(operations[i]) is not CoordinationError.None and CoordinationError refused)
            {
                return new MultiResult(refused, i, []);
            }
            WriteMultiHeader(writer, CodeOf(operations[i].Kind));
            WriteOperation(writer, operations[i]);
        }
        WriteMultiHeader(writer, OpCode.Error);
        WriteOutcome written = await WriteAsync(OpCode.Multi, writer.ToArray(), operations, cancellationToken).ConfigureAwait(false);
        return written.Error != CoordinationError.None ? new MultiResult(written.Error, 0, [])
            : written.Found is { } found ? new MultiResult(CoordinationError.None, -1, found)
            : ReadMulti(written.Reply.Body.Span, operations);
    }

    private static void WriteMultiHeader(JuteWriter writer, OpCode code)
    {
        writer.WriteInt32((int)code);
        writer.WriteBool(code == OpCode.Error);
        writer.WriteInt32(-1);
    }

    private static OpCode CodeOf(OperationKind kind) => kind switch
    {
        OperationKind.Create => OpCode.Create,
        OperationKind.Set => OpCode.SetData,
        OperationKind.Delete => OpCode.Delete,
        _ => OpCode.Check,
    };

    /// <summary>Creations in a multi tell their path only: a stat has what is certain of a new node.</summary>
    private MultiResult ReadMulti(ReadOnlySpan<byte> body, IReadOnlyList<CoordinationOperation> operations)
    {
        var reader = new JuteReader(body);
        var results = new List<OperationResult>(operations.Count);
        for (int i = 0; i < operations.Count; i++)
        {
            var code = (OpCode)reader.ReadInt32();
            bool done = reader.ReadBool();
            _ = reader.ReadInt32();
            if (done)
            {
                return new MultiResult(CoordinationError.ConnectionLoss, i, []);
            }
            switch (code)
            {
                case OpCode.Error:
                    if (reader.ReadInt32() is not 0 and int failed)
                    {
                        return new MultiResult(KeeperCodes.ToError(failed), i, []);
                    }
                    break;
                case OpCode.Create:
                    NodeStat made = default(NodeStat) with { DataLength = operations[i].Data.Length, EphemeralOwner = OwnerOf(operations[i]) };
                    results.Add(new OperationResult(CoordinationError.None, Short(reader.ReadString("path")), made));
                    break;
                case OpCode.SetData:
                    results.Add(new OperationResult(CoordinationError.None, operations[i].Path, reader.ReadStat()));
                    break;
                default:
                    results.Add(new OperationResult(CoordinationError.None, operations[i].Path, default));
                    break;
            }
        }
        return new MultiResult(CoordinationError.None, -1, results);
    }

    private long OwnerOf(in CoordinationOperation operation) =>
        operation.Mode is CreateMode.Ephemeral or CreateMode.EphemeralSequential ? Id : 0;

    private async ValueTask<WriteOutcome> WriteAsync(OpCode code, CoordinationOperation operation, CancellationToken cancellationToken)
    {
        if (Refuse(operation) is not CoordinationError.None and CoordinationError refused)
        {
            return new WriteOutcome(refused, default, null);
        }
        var writer = new JuteWriter();
        WriteOperation(writer, operation);
        return await WriteAsync(code, writer.ToArray(), [operation], cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What the ensemble would refuse as well, or take for the chroot's parent.</summary>
    private static CoordinationError Refuse(in CoordinationOperation operation)
    {
        bool sequential = operation is { Kind: OperationKind.Create, Mode: CreateMode.PersistentSequential or CreateMode.EphemeralSequential };
        if (!NodePath.IsValid(sequential ? operation.Path + "1" : operation.Path) || operation.Data.Length > ICoordinationStore.DataBytesMax)
        {
            return CoordinationError.BadArguments;
        }
        return operation.Path != NodePath.Root ? CoordinationError.None : operation.Kind switch
        {
            OperationKind.Create => CoordinationError.NodeExists,
            OperationKind.Delete => CoordinationError.BadArguments,
            _ => CoordinationError.None,
        };
    }

    private void WriteOperation(JuteWriter writer, in CoordinationOperation operation)
    {
        writer.WriteString(Full(operation.Path));
        switch (operation.Kind)
        {
            case OperationKind.Create:
                WriteData(writer, operation.Data.Span);
                NodeAccess.Write(writer, operation.Path, _options.SetAcl);
                writer.WriteInt32(operation.Mode switch
                {
                    CreateMode.Persistent => 0,
                    CreateMode.Ephemeral => 1,
                    CreateMode.PersistentSequential => 2,
                    _ => 3,
                });
                return;
            case OperationKind.Set:
                WriteData(writer, operation.Data.Span);
                break;
        }
        writer.WriteInt32(operation.Version);
    }

    /// <summary>A node without data has none, rather than none of it: as Kafka writes them.</summary>
    private static void WriteData(JuteWriter writer, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            writer.WriteInt32(-1);
        }
        else
        {
            writer.WriteBytes(data);
        }
    }

    /// <summary>Sends a write until what became of it is known.</summary>
    private async ValueTask<WriteOutcome> WriteAsync(
        OpCode code, byte[] body, IReadOnlyList<CoordinationOperation> operations, CancellationToken cancellationToken)
    {
        if (body.Length + HeaderBytes > RequestBytesMax)
        {
            LogTooLarge(operations.Count, body.Length, RequestBytesMax);
            return new WriteOutcome(CoordinationError.BadArguments, default, null);
        }
        while (true)
        {
            KeeperReply reply = await SendAsync(code, body, cancellationToken).ConfigureAwait(false);
            if (reply.Kind != ReplyKind.Lost)
            {
                return new WriteOutcome(reply.Error, reply, null);
            }
            if (await LookUpAsync(operations, cancellationToken).ConfigureAwait(false) is { } found)
            {
                return new WriteOutcome(CoordinationError.None, default, found);
            }
        }
    }

    /// <summary>
    /// Whether operations whose answer was lost have been carried out. The ensemble refuses what comes late over the old
    /// connection (SESSIONMOVED), so once the new one is in step with the leader it is settled: the nodes stand as the
    /// operations leave them, all by one transaction, or the operations are still to be done. Numbered nodes cannot be told
    /// apart and may be made twice.
    /// </summary>
    /// <returns>The results where they have, null where not.</returns>
    private async ValueTask<OperationResult[]?> LookUpAsync(
        IReadOnlyList<CoordinationOperation> operations, CancellationToken cancellationToken)
    {
        var writer = new JuteWriter();
        writer.WriteString(Full(operations[0].Path));
        while ((await SendAsync(OpCode.Sync, writer.ToArray(), cancellationToken).ConfigureAwait(false)).Kind == ReplyKind.Lost)
        {
            // Until a server is in step with the leader.
        }
        var results = new OperationResult[operations.Count];
        long zxid = 0;
        bool seen = false;
        for (int i = 0; i < operations.Count; i++)
        {
            CoordinationOperation operation = operations[i];
            results[i] = new OperationResult(CoordinationError.None, operation.Path, default);
            if (operation.Kind == OperationKind.Check || operation.Mode is CreateMode.EphemeralSequential or CreateMode.PersistentSequential)
            {
                continue;
            }
            GetResult node = await GetAsync(operation.Path, cancellationToken).ConfigureAwait(false);
            if (operation.Kind == OperationKind.Delete)
            {
                if (node.Error != CoordinationError.NoNode)
                {
                    return null;
                }
                seen = true;
                continue;
            }
            long by = operation.Kind == OperationKind.Create ? node.Stat.Czxid : node.Stat.Mzxid;
            if (node.Error != CoordinationError.None || !IsAsLeft(operation, node) || (zxid != 0 && by != zxid))
            {
                return null;
            }
            seen = true;
            zxid = by;
            results[i] = results[i] with { Stat = node.Stat };
        }
        return seen ? results : null;
    }

    private bool IsAsLeft(in CoordinationOperation operation, in GetResult node) =>
        node.Data.Span.SequenceEqual(operation.Data.Span)
        && (operation.Kind == OperationKind.Create
            ? node.Stat.EphemeralOwner == OwnerOf(operation)
            : operation.Version == CoordinationOperation.AnyVersion || node.Stat.Version == operation.Version + 1);

    /// <summary>What became of a write: the server's answer, or what was found in the tree.</summary>
    private readonly record struct WriteOutcome(CoordinationError Error, KeeperReply Reply, OperationResult[]? Found);
}
