using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Coordination.Jute;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.Server;

/// <summary>What each request does.</summary>
internal sealed partial class TreeConnection
{
    private const int AllPermissions = 31;

    private EmbeddedSession Party => Session!.Session;

    /// <returns>False when the connection ends with it.</returns>
    private async ValueTask<bool> CarryOutAsync(ReadOnlyMemory<byte> packet)
    {
        (int xid, OpCode code, int body) = ReadHeader(packet.Span);
        LastOp = code;
        if (_server.Store.Heartbeat(Party) != CoordinationError.None)
        {
            Answer(xid, KeeperCode.SessionExpired);
            return false;
        }
        if (code == OpCode.CloseSession)
        {
            await _server.CloseAsync(Session!).ConfigureAwait(false);
            Answer(xid, KeeperCode.Ok);
            return false;
        }
        return CarryOut(xid, code, packet[body..]);
    }

    private static (int Xid, OpCode Code, int Body) ReadHeader(ReadOnlySpan<byte> packet)
    {
        var reader = new JuteReader(packet);
        return (reader.ReadInt32(), (OpCode)reader.ReadInt32(), reader.Position);
    }

    private bool CarryOut(int xid, OpCode code, ReadOnlyMemory<byte> body)
    {
        var reader = new JuteReader(body.Span);
        switch (code)
        {
            case OpCode.Ping:
                Answer(Xid.Ping, KeeperCode.Ok);
                return true;
            case OpCode.Auth:
                // Everybody may do everything: who says who he is gets no more and no less.
                Answer(Xid.Auth, KeeperCode.Ok);
                return true;
            case OpCode.Create or OpCode.Create2 or OpCode.CreateContainer:
                Create(xid, code, reader);
                return true;
            case OpCode.Delete:
                Write(xid, CoordinationOperation.Delete(reader.ReadString("path"), reader.ReadInt32()), stat: false);
                return true;
            case OpCode.SetData:
                Write(xid, CoordinationOperation.Set(
                    reader.ReadString("path"), reader.ReadBytes("data").ToArray(), reader.ReadInt32()), stat: true);
                return true;
            case OpCode.Multi:
                Multi(xid, reader);
                return true;
            case OpCode.MultiRead:
                MultiRead(xid, reader);
                return true;
            case OpCode.Exists or OpCode.GetData or OpCode.GetChildren or OpCode.GetChildren2:
                Read(xid, code, reader.ReadString("path"), reader.ReadBool());
                return true;
            case OpCode.GetAcl or OpCode.SetAcl:
                Access(xid, code, reader);
                return true;
            case OpCode.Sync:
                string synced = reader.ReadString("path");
                Answer(xid, KeeperCode.Ok, writer => writer.WriteString(synced));
                return true;
            case OpCode.GetEphemerals or OpCode.GetAllChildrenNumber:
                Survey(xid, code, reader.ReadString("path"));
                return true;
            case OpCode.WhoAmI:
                Answer(xid, KeeperCode.Ok, writer =>
                {
                    writer.WriteInt32(1);
                    writer.WriteString("ip");
                    writer.WriteString(Address.ToString());
                });
                return true;
            case OpCode.SetWatches or OpCode.SetWatches2 or OpCode.AddWatch or OpCode.CheckWatches or OpCode.RemoveWatches:
                Watch(xid, code, reader);
                return true;
            case OpCode.CreateTtl or OpCode.Sasl:
                Answer(xid, KeeperCode.Unimplemented);
                return true;
            default:
                Answer(xid, KeeperCode.Unimplemented);
                return false;   // as ZooKeeper does
        }
    }

    private void Answer(int xid, KeeperCode code, Action<JuteWriter>? body = null)
    {
        long zxid = _server.Store.Zxid;
        Send(writer =>
        {
            WriteHeader(writer, xid, zxid, (int)code);
            body?.Invoke(writer);
        });
    }

    private void Create(int xid, OpCode code, JuteReader reader)
    {
        if (ReadCreate(ref reader) is not { } operation)
        {
            Answer(xid, KeeperCode.InvalidAcl);
            return;
        }
        MultiResult result = _server.Store.Execute(Party, [operation]);
        Answer(xid, KeeperCodes.ToCode(result.Error), result.Error != CoordinationError.None ? null : writer =>
        {
            writer.WriteString(result.Results[0].Path);
            if (code != OpCode.Create)
            {
                writer.WriteStat(result.Results[0].Stat);
            }
        });
    }

    /// <returns>Null where the access list is not one that is kept here.</returns>
    /// <exception cref="MalformedRequestException">The kind of node is none that is known here.</exception>
    private static CoordinationOperation? ReadCreate(ref JuteReader reader)
    {
        string path = reader.ReadString("path");
        byte[] data = reader.ReadBytes("data").ToArray();
        bool isOpen = ReadAccess(ref reader);
        CreateMode mode = reader.ReadInt32() switch
        {
            0 or 4 => CreateMode.Persistent,   // 4 is a container: here it stays when its last child goes
            1 => CreateMode.Ephemeral,
            2 => CreateMode.PersistentSequential,
            3 => CreateMode.EphemeralSequential,
            int other => throw new MalformedRequestException($"a node of kind {other}"),
        };
        return isOpen ? CoordinationOperation.Create(path, data, mode) : null;
    }

    /// <returns>Whether the list is world:anyone alone: any other would promise a protection that is not there.</returns>
    private static bool ReadAccess(ref JuteReader reader)
    {
        int count = reader.ReadCount(3 * sizeof(int), "access list");
        bool isOpen = count > 0;
        for (int i = 0; i < count; i++)
        {
            isOpen &= reader.ReadInt32() == AllPermissions & reader.ReadString("scheme") == "world" & reader.ReadString("id") == "anyone";
        }
        return isOpen;
    }

    private void Write(int xid, CoordinationOperation operation, bool stat)
    {
        MultiResult result = _server.Store.Execute(Party, [operation]);
        Answer(xid, KeeperCodes.ToCode(result.Error), stat && result.Error == CoordinationError.None
            ? writer => writer.WriteStat(result.Results[0].Stat) : null);
    }

    private void Read(int xid, OpCode code, string path, bool watch)
    {
        lock (_server.Store.Gate)
        {
            GetResult node = _server.Store.Get(Party, path);
            bool exists = node.Error == CoordinationError.None;
            bool isChildren = code is OpCode.GetChildren or OpCode.GetChildren2;
            if (watch && (exists || code == OpCode.Exists)
                && !_server.Watches.Add(isChildren ? ServedWatch.Children : ServedWatch.Data, path, this))
            {
                Answer(xid, KeeperCode.QuotaExceeded);
                return;
            }
            Answer(xid, KeeperCodes.ToCode(node.Error), !exists ? null : writer => WriteRead(writer, code, path, node));
        }
    }

    private void WriteRead(JuteWriter writer, OpCode code, string path, in GetResult node)
    {
        if (code is OpCode.GetChildren or OpCode.GetChildren2)
        {
            writer.WriteStrings(_server.Store.Children(Party, path).Children);
        }
        else if (code == OpCode.GetData)
        {
            WriteData(writer, node.Data.Span);
        }
        if (code != OpCode.GetChildren)
        {
            writer.WriteStat(node.Stat);
        }
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

    private void Access(int xid, OpCode code, JuteReader reader)
    {
        string path = reader.ReadString("path");
        if (code == OpCode.SetAcl && !ReadAccess(ref reader))
        {
            Answer(xid, KeeperCode.InvalidAcl);
            return;
        }
        GetResult node = _server.Store.Get(Party, path);
        Answer(xid, KeeperCodes.ToCode(node.Error), node.Error != CoordinationError.None ? null : writer =>
        {
            if (code == OpCode.GetAcl)
            {
                writer.WriteInt32(1);
                writer.WriteInt32(AllPermissions);
                writer.WriteString("world");
                writer.WriteString("anyone");
            }
            writer.WriteStat(node.Stat);
        });
    }

    private void Survey(int xid, OpCode code, string path)
    {
        if (code == OpCode.GetEphemerals)
        {
            List<string> own = [.. _server.Store.EphemeralsOf(Party.Id).Where(p => p.StartsWith(path, StringComparison.Ordinal))];
            Answer(xid, KeeperCode.Ok, writer => writer.WriteStrings(own));
            return;
        }
        int? below = _server.Store.CountBelow(path);
        Answer(xid, below is null ? KeeperCode.NoNode : KeeperCode.Ok, below is { } count ? writer => writer.WriteInt32(count) : null);
    }
}
