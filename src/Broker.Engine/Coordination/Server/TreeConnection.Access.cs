using Broker.Engine.Coordination.Jute;

namespace Broker.Engine.Coordination.Server;

/// <summary>Who the client is, and access lists.</summary>
internal sealed partial class TreeConnection
{
    private const int EntryBytesMin = 3 * sizeof(int);

    /// <summary>Who the client has shown to be. Thread-safe to ask.</summary>
    public ServedIdentity Identity { get; }

    private bool Authenticate(JuteReader reader)
    {
        _ = reader.ReadInt32();
        string scheme = reader.ReadString("scheme");
        if (Identity.Authenticate(scheme, reader.ReadBytes("proof")))
        {
            Answer(Xid.Auth, KeeperCode.Ok);
            return true;
        }
        _server.Figures.OnAuthFailed();
        Answer(Xid.Auth, KeeperCode.AuthFailed);
        return false;
    }

    private void TellWho(int xid) => Answer(xid, KeeperCode.Ok, writer =>
    {
        (string Scheme, string User)[] users = [.. Identity.Users];
        writer.WriteInt32(users.Length);
        foreach ((string scheme, string user) in users)
        {
            writer.WriteString(scheme);
            writer.WriteString(user);
        }
    });

    /// <returns>The list as it is kept: null for a node that is open to all, empty where it is none.</returns>
    private AccessEntry[]? ReadAccess(ref JuteReader reader)
    {
        int count = reader.ReadCount(EntryBytesMin, "access list");
        var asked = new List<AccessEntry>(Math.Max(count, 0));
        for (int i = 0; i < count; i++)
        {
            asked.Add(new AccessEntry(reader.ReadInt32(), reader.ReadString("scheme"), reader.ReadString("id")));
        }
        return count <= 0 ? [] : Identity.Fix(asked);
    }

    private void SetAccess(int xid, JuteReader reader)
    {
        string path = reader.ReadString("path");
        AccessEntry[]? access = ReadAccess(ref reader);
        Write(xid, CoordinationOperation.SetAccess(path, access, reader.ReadInt32()), stat: true);
    }

    private void GetAccess(int xid, string path)
    {
        lock (_server.Store.Gate)
        {
            GetResult node = _server.Store.Get(Party, path);
            AccessEntry[]? access = _server.Store.AccessOf(path);
            KeeperCode code = node.Error != CoordinationError.None ? KeeperCodes.ToCode(node.Error)
                : Identity.Allows(access, AccessEntry.Read | AccessEntry.Admin) ? KeeperCode.Ok : KeeperCode.NoAuth;
            bool mayChange = Identity.Allows(access, AccessEntry.Admin);
            Answer(xid, code, code != KeeperCode.Ok ? null : writer =>
            {
                WriteAccess(writer, access ?? AccessEntry.Open, mayChange);
                writer.WriteStat(node.Stat);
            });
        }
    }

    /// <summary>Who may not change a list does not see the digests in it.</summary>
    private static void WriteAccess(JuteWriter writer, AccessEntry[] access, bool mayChange)
    {
        writer.WriteInt32(access.Length);
        foreach (AccessEntry entry in access)
        {
            writer.WriteInt32(entry.Permissions);
            writer.WriteString(entry.Scheme);
            writer.WriteString(mayChange || entry.Scheme != "digest" ? entry.Id : $"{entry.Id.Split(':')[0]}:x");
        }
    }

    /// <summary>Whether the client may read a node. Called under the store's gate.</summary>
    private bool MayRead(string path) => Identity.Allows(_server.Store.AccessOf(path), AccessEntry.Read);
}
