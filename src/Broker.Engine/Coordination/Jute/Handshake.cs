using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.Jute;

/// <summary>A client's first packet.</summary>
/// <param name="LastZxid">The last transaction it has seen: a server that is behind must not serve it.</param>
/// <param name="TimeoutMs">The session timeout it asks for.</param>
/// <param name="SessionId">The session it goes on with, 0 for a new one.</param>
/// <param name="Password">Proves that the session is its own.</param>
/// <param name="ReadOnly">Whether it would also be served by a server that has lost its ensemble.</param>
internal readonly record struct ConnectRequest(long LastZxid, int TimeoutMs, long SessionId, byte[] Password, bool ReadOnly)
{
    public const int PasswordBytes = 16;

    /// <summary>Whether the client is of before 3.4, and knows nothing of servers that only read.</summary>
    public bool IsOld { get; init; }

    public void Write(JuteWriter writer)
    {
        writer.WriteInt32(0);
        writer.WriteInt64(LastZxid);
        writer.WriteInt32(TimeoutMs);
        writer.WriteInt64(SessionId);
        writer.WriteBytes(Password);
        writer.WriteBool(ReadOnly);
    }

    /// <summary>Clients before 3.4 leave the last flag out.</summary>
    /// <exception cref="MalformedRequestException">It is none.</exception>
    public static ConnectRequest Read(ReadOnlySpan<byte> packet)
    {
        var reader = new JuteReader(packet);
        _ = reader.ReadInt32();
        long zxid = reader.ReadInt64();
        int timeout = reader.ReadInt32();
        long session = reader.ReadInt64();
        ReadOnlySpan<byte> password = reader.ReadBytes("password");
        if (password.Length > PasswordBytes)
        {
            throw new MalformedRequestException($"a password of {password.Length} bytes");
        }
        bool isOld = reader.Left == 0;
        return new ConnectRequest(zxid, timeout, session, password.ToArray(), !isOld && reader.ReadBool()) { IsOld = isOld };
    }
}

/// <summary>The answer to a client's first packet. A timeout of 0 says that the session has expired.</summary>
internal readonly record struct ConnectResponse(int TimeoutMs, long SessionId, byte[] Password, bool ReadOnly)
{
    public void Write(JuteWriter writer, bool isOld = false)
    {
        writer.WriteInt32(0);
        writer.WriteInt32(TimeoutMs);
        writer.WriteInt64(SessionId);
        writer.WriteBytes(Password);
        if (!isOld)
        {
            writer.WriteBool(ReadOnly);
        }
    }

    /// <exception cref="MalformedRequestException">It is none.</exception>
    public static ConnectResponse Read(ReadOnlySpan<byte> packet)
    {
        var reader = new JuteReader(packet);
        _ = reader.ReadInt32();
        int timeout = reader.ReadInt32();
        long session = reader.ReadInt64();
        byte[] password = reader.ReadBytes("password").ToArray();
        return new ConnectResponse(timeout, session, password, reader.Left > 0 && reader.ReadBool());
    }
}
