using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Coordination.Jute;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.Server;

/// <summary>What each request does.</summary>
internal sealed partial class TreeConnection
{
    private EmbeddedSession Party => Session!.Session;

    /// <returns>False when the connection ends with it.</returns>
    private async ValueTask<bool> CarryOutAsync(ReadOnlyMemory<byte> packet)
    {
        (int xid, OpCode code, int body) = ReadHeader(packet.Span);
        long began = _server.Time.GetTimestamp();
        bool goesOn = await CarryOutAsync(xid, code, packet[body..]).ConfigureAwait(false);
        double ms = _server.Time.GetElapsedTime(began).TotalMilliseconds;
        Latency.Record(ms);
        _server.OnServed(IsWrite(code), ms);
        _last = (code, xid, _server.Store.Zxid, (long)ms, _server.Uptime);
        return goesOn;
    }

    private static bool IsWrite(OpCode code) => code is OpCode.Create or OpCode.Create2 or OpCode.CreateContainer or OpCode.Delete
        or OpCode.SetData or OpCode.SetAcl or OpCode.Multi or OpCode.CloseSession or OpCode.Sync;

    private async ValueTask<bool> CarryOutAsync(int xid, OpCode code, ReadOnlyMemory<byte> body)
    {
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
        return CarryOut(xid, code, body);
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
                return Authenticate(reader);
            case OpCode.Create or OpCode.Create2 or OpCode.CreateContainer:
                Create(xid, code, reader);
                return true;
            case OpCode.Delete:
                Write(xid, CoordinationOperation.Delete(reader.ReadString("path"), reader.ReadInt32()), stat: false);
                return true;
            case OpCode.SetData:
                Write(xid, CoordinationOperation.Set(
                    reader.ReadString("path"), reader.ReadData(), reader.ReadInt32()), stat: true);
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
            case OpCode.GetAcl:
                GetAccess(xid, reader.ReadString("path"));
                return true;
            case OpCode.SetAcl:
                SetAccess(xid, reader);
                return true;
            case OpCode.Sync:
                string synced = reader.ReadString("path");
                Answer(xid, KeeperCode.Ok, writer => writer.WriteString(synced));
                return true;
            case OpCode.GetEphemerals or OpCode.GetAllChildrenNumber:
                Survey(xid, code, reader.ReadString("path"));
                return true;
            case OpCode.WhoAmI:
                TellWho(xid);
                return true;
            case OpCode.SetWatches or OpCode.SetWatches2 or OpCode.AddWatch or OpCode.CheckWatches or OpCode.RemoveWatches:
                Watch(xid, code, reader);
                return true;
            case OpCode.CreateTtl or OpCode.Sasl or OpCode.Reconfig:
                Answer(xid, code == OpCode.Reconfig ? KeeperCode.ReconfigDisabled : KeeperCode.Unimplemented);
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
        MultiResult result = _server.Store.Execute(Party, [ReadCreate(ref reader)], Identity.Allows);
        Answer(xid, KeeperCodes.ToCode(result.Error), result.Error != CoordinationError.None ? null : writer =>
        {
            writer.WriteString(result.Results[0].Path);
            if (code != OpCode.Create)
            {
                writer.WriteStat(result.Results[0].Stat);
            }
        });
    }

    /// <exception cref="MalformedRequestException">The kind of node is none that is known here.</exception>
    private CoordinationOperation ReadCreate(ref JuteReader reader)
    {
        string path = reader.ReadString("path");
        ReadOnlyMemory<byte> data = reader.ReadData();
        AccessEntry[]? access = ReadAccess(ref reader);
        CreateMode mode = reader.ReadInt32() switch
        {
            0 => CreateMode.Persistent,
            1 => CreateMode.Ephemeral,
            2 => CreateMode.PersistentSequential,
            3 => CreateMode.EphemeralSequential,
            4 => CreateMode.Container,
            int other => throw new MalformedRequestException($"a node of kind {other}"),
        };
        return CoordinationOperation.Create(path, data, mode) with { Access = access };
    }

    private void Write(int xid, CoordinationOperation operation, bool stat)
    {
        MultiResult result = _server.Store.Execute(Party, [operation], Identity.Allows);
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
            if (exists && !MayRead(path))
            {
                Answer(xid, KeeperCode.NoAuth);
                return;
            }
            if (watch && (exists || code == OpCode.Exists)
                && !_server.Watches.Add(isChildren ? ServedWatch.Children : ServedWatch.Data, path, this))
            {
                Answer(xid, KeeperCode.QuotaExceeded);
                return;
            }
            if (code == OpCode.GetData && exists && _server.Store.QuotaFigures(path) is { } figures)
            {
                node = node with { Data = figures, Stat = node.Stat with { DataLength = figures.Length } };
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
            WriteData(writer, node.Data);
        }
        if (code != OpCode.GetChildren)
        {
            writer.WriteStat(node.Stat);
        }
    }

    private static void WriteData(JuteWriter writer, ReadOnlyMemory<byte> data)
    {
        if (data.Equals(default))
        {
            writer.WriteInt32(-1);   // none, rather than none of it
        }
        else
        {
            writer.WriteBytes(data.Span);
        }
    }

    private void Survey(int xid, OpCode code, string path)
    {
        if (code == OpCode.GetEphemerals)
        {
            List<string> own = [.. _server.Store.EphemeralsOf(Party.Id).Where(p => p.StartsWith(path, StringComparison.Ordinal))];
            Answer(xid, KeeperCode.Ok, writer => writer.WriteStrings(own));
            return;
        }
        lock (_server.Store.Gate)
        {
            int? below = _server.Store.CountBelow(path);
            KeeperCode result = below is null ? KeeperCode.NoNode : MayRead(path) ? KeeperCode.Ok : KeeperCode.NoAuth;
            Answer(xid, result, result == KeeperCode.Ok ? writer => writer.WriteInt32(below!.Value) : null);
        }
    }
}
