using Broker.Engine.Coordination.Jute;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.Server;

/// <summary>Several operations in one request, and watches.</summary>
internal sealed partial class TreeConnection
{
    /// <summary>What removeWatches asks for in place of a single kind (ZooKeeper: WatcherType.Any).</summary>
    private const int AnyWatch = 3;

    private void Multi(int xid, JuteReader reader)
    {
        var operations = new List<CoordinationOperation>();
        var codes = new List<OpCode>();
        while (ReadMultiHeader(ref reader) is { } code)
        {
            codes.Add(code);
            switch (code)
            {
                case OpCode.Create or OpCode.Create2 or OpCode.CreateContainer:
                    operations.Add(ReadCreate(ref reader));
                    break;
                case OpCode.Delete:
                    operations.Add(CoordinationOperation.Delete(reader.ReadString("path"), reader.ReadInt32()));
                    break;
                case OpCode.SetData:
                    operations.Add(CoordinationOperation.Set(reader.ReadString("path"), reader.ReadData(), reader.ReadInt32()));
                    break;
                case OpCode.Check:
                    operations.Add(CoordinationOperation.Check(reader.ReadString("path"), reader.ReadInt32()));
                    break;
                default:
                    throw new MalformedRequestException($"operation {code} in a multi");
            }
        }
        MultiResult result = _server.Store.Execute(Party, operations, Identity.Allows);
        Answer(xid, KeeperCode.Ok, writer =>
        {
            if (result.Error != CoordinationError.None)
            {
                WriteFailed(writer, codes.Count, result.FailedIndex, KeeperCodes.ToCode(result.Error));
            }
            else
            {
                WriteResults(writer, codes, result.Results);
            }
            WriteMultiHeader(writer, OpCode.Error, done: true, -1);
        });
    }

    private static OpCode? ReadMultiHeader(ref JuteReader reader)
    {
        var code = (OpCode)reader.ReadInt32();
        bool done = reader.ReadBool();
        _ = reader.ReadInt32();
        return done ? null : code;
    }

    private static void WriteMultiHeader(JuteWriter writer, OpCode code, bool done, int error)
    {
        writer.WriteInt32((int)code);
        writer.WriteBool(done);
        writer.WriteInt32(error);
    }

    private static void WriteFailed(JuteWriter writer, int count, int failed, KeeperCode code)
    {
        for (int i = 0; i < count; i++)
        {
            int error = i < failed ? 0 : i == failed ? (int)code : (int)KeeperCode.RuntimeInconsistency;
            WriteMultiHeader(writer, OpCode.Error, done: false, error);
            writer.WriteInt32(error);
        }
    }

    private static void WriteResults(JuteWriter writer, List<OpCode> codes, IReadOnlyList<OperationResult> results)
    {
        for (int i = 0; i < codes.Count; i++)
        {
            WriteMultiHeader(writer, codes[i], done: false, 0);
            if (codes[i] is OpCode.Create or OpCode.Create2 or OpCode.CreateContainer)
            {
                writer.WriteString(results[i].Path);
            }
            if (codes[i] is OpCode.SetData or OpCode.Create2 or OpCode.CreateContainer)
            {
                writer.WriteStat(results[i].Stat);
            }
        }
    }

    private void MultiRead(int xid, JuteReader reader)
    {
        var reads = new List<(OpCode Code, string Path)>();
        while (ReadMultiHeader(ref reader) is { } code)
        {
            if (code is not (OpCode.GetData or OpCode.GetChildren))
            {
                throw new MalformedRequestException($"operation {code} in a reading multi");
            }
            reads.Add((code, reader.ReadString("path")));
            _ = reader.ReadBool();   // a multi sets no watches
        }
        lock (_server.Store.Gate)
        {
            Answer(xid, KeeperCode.Ok, writer =>
            {
                foreach ((OpCode code, string path) in reads)
                {
                    GetResult node = _server.Store.Get(Party, path);
                    bool isRead = node.Error == CoordinationError.None && MayRead(path);
                    int error = (int)(isRead || node.Error != CoordinationError.None ? KeeperCodes.ToCode(node.Error) : KeeperCode.NoAuth);
                    WriteMultiHeader(writer, isRead ? code : OpCode.Error, done: false, error);
                    if (isRead)
                    {
                        WriteRead(writer, code, path, node);
                    }
                    else
                    {
                        writer.WriteInt32(error);
                    }
                }
                WriteMultiHeader(writer, OpCode.Error, done: true, -1);
            });
        }
    }

    private void Watch(int xid, OpCode code, JuteReader reader)
    {
        if (code is OpCode.SetWatches or OpCode.SetWatches2)
        {
            SetWatches(code, reader);
            Answer(Xid.SetWatches, KeeperCode.Ok);
            return;
        }
        string path = reader.ReadString("path");
        int kind = reader.ReadInt32();
        if (code == OpCode.AddWatch)
        {
            KeeperCode result = kind is not (0 or 1) || !NodePath.IsValid(path) ? KeeperCode.BadArguments
                : _server.Watches.Add(kind == 0 ? ServedWatch.Persistent : ServedWatch.Recursive, path, this) ? KeeperCode.Ok
                : KeeperCode.QuotaExceeded;
            Answer(xid, result, result == KeeperCode.Ok ? static writer => writer.WriteInt32(0) : null);
            return;
        }
        ServedWatch[] kinds = kind switch
        {
            1 => [ServedWatch.Children],
            2 => [ServedWatch.Data],
            AnyWatch => Enum.GetValues<ServedWatch>(),
            4 => [ServedWatch.Persistent],
            5 => [ServedWatch.Recursive],
            _ => [],
        };
        bool found = false;
        foreach (ServedWatch one in kinds)
        {
            found |= code == OpCode.CheckWatches ? _server.Watches.Has(one, path, this) : _server.Watches.Remove(one, path, this);
        }
        Answer(xid, found ? KeeperCode.Ok : KeeperCode.NoWatcher);
    }

    /// <summary>Sets the watches of a client that has reconnected, and tells at once what has changed since it last heard.</summary>
    private void SetWatches(OpCode code, JuteReader reader)
    {
        long since = reader.ReadInt64();
        List<string> data = reader.ReadStrings("watches");
        List<string> creations = reader.ReadStrings("watches");
        List<string> children = reader.ReadStrings("watches");
        List<string> persistent = code == OpCode.SetWatches2 ? reader.ReadStrings("watches") : [];
        List<string> recursive = code == OpCode.SetWatches2 ? reader.ReadStrings("watches") : [];
        lock (_server.Store.Gate)
        {
            foreach (string path in data)
            {
                GetResult node = _server.Store.Get(Party, path);
                Set(ServedWatch.Data, path, node.Error != CoordinationError.None ? KeeperEvent.NodeDeleted
                    : node.Stat.Mzxid > since ? KeeperEvent.NodeDataChanged : KeeperEvent.None);
            }
            foreach (string path in creations)
            {
                Set(ServedWatch.Data, path, _server.Store.Get(Party, path).Error == CoordinationError.None
                    ? KeeperEvent.NodeCreated : KeeperEvent.None);
            }
            foreach (string path in children)
            {
                GetResult node = _server.Store.Get(Party, path);
                Set(ServedWatch.Children, path, node.Error != CoordinationError.None ? KeeperEvent.NodeDeleted
                    : node.Stat.Pzxid > since ? KeeperEvent.NodeChildrenChanged : KeeperEvent.None);
            }
            persistent.ForEach(path => Set(ServedWatch.Persistent, path, KeeperEvent.None));
            recursive.ForEach(path => Set(ServedWatch.Recursive, path, KeeperEvent.None));
        }

        void Set(ServedWatch kind, string path, KeeperEvent missed)
        {
            if (missed != KeeperEvent.None)
            {
                SendEvent(missed, path);
            }
            else if (!_server.Watches.Add(kind, path, this))
            {
                throw new MalformedRequestException($"more than {TreeServerOptions.WatchesMax} watches");
            }
        }
    }
}
