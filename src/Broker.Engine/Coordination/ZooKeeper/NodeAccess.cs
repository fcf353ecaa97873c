using Broker.Engine.Coordination.Jute;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>The access lists that nodes are made with (Kafka: ZkData.defaultAcls). Stateless.</summary>
internal static class NodeAccess
{
    private const int Read = 1;
    private const int All = 31;

    /// <summary>Paths whose data only the brokers may read: it holds credentials.</summary>
    private static readonly string[] s_sensitive = ["/config/users", "/delegation_token"];

    /// <param name="writer">Gets the list.</param>
    /// <param name="path">The node, below the chroot.</param>
    /// <param name="secure">zookeeper.set.acl.</param>
    public static void Write(JuteWriter writer, string path, bool secure)
    {
        if (!secure || path.StartsWith("/consumers", StringComparison.Ordinal))
        {
            writer.WriteInt32(1);
            WriteOne(writer, All, "world", "anyone");
            return;
        }
        bool sensitive = Array.Exists(s_sensitive, s => path.StartsWith(s, StringComparison.Ordinal));
        writer.WriteInt32(sensitive ? 1 : 2);
        WriteOne(writer, All, "auth", "");
        if (!sensitive)
        {
            WriteOne(writer, Read, "world", "anyone");
        }
    }

    private static void WriteOne(JuteWriter writer, int permissions, string scheme, string id)
    {
        writer.WriteInt32(permissions);
        writer.WriteString(scheme);
        writer.WriteString(id);
    }
}
