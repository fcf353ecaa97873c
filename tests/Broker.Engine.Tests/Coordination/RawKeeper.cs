using System.Net;
using System.Net.Sockets;
using Broker.Engine.Coordination.Jute;

namespace Broker.Engine.Tests.Coordination;

/// <summary>Asks a server of ZooKeeper's protocol whatever a test likes, one thing at a time.</summary>
internal sealed class RawKeeper : IDisposable
{
    private readonly TcpClient _client = new();
    private PacketReader _packets = null!;
    private int _xid;

    public long SessionId { get; private set; }

    public byte[] Password { get; private set; } = [];

    public int TimeoutMs { get; private set; }

    /// <summary>Events that came while answers were waited for.</summary>
    public List<(KeeperEvent What, string Path)> Events { get; } = [];

    public static byte[] Handshake(long session, byte[] password, int timeoutMs)
    {
        var writer = new JuteWriter();
        int frame = writer.BeginFrame();
        new ConnectRequest(0, timeoutMs, session, password, ReadOnly: false).Write(writer);
        writer.EndFrame(frame);
        return writer.ToArray();
    }

    public static async Task<RawKeeper> OpenAsync(IPEndPoint server, long session = 0, byte[]? password = null, int timeoutMs = 30_000)
    {
        var keeper = new RawKeeper();
        await keeper._client.ConnectAsync(server);
        NetworkStream stream = keeper._client.GetStream();
        keeper._packets = new PacketReader(stream, int.MaxValue);
        await stream.WriteAsync(Handshake(session, password ?? new byte[16], timeoutMs));
        ReadOnlyMemory<byte>? packet = await keeper._packets.ReadAsync(CancellationToken.None);
        ConnectResponse response = ConnectResponse.Read(packet!.Value.Span);
        keeper.SessionId = response.SessionId;
        keeper.Password = response.Password;
        keeper.TimeoutMs = response.TimeoutMs;
        return keeper;
    }

    public async Task<(int Code, byte[] Body)> AskAsync(OpCode code, Action<JuteWriter> body)
    {
        var writer = new JuteWriter();
        int frame = writer.BeginFrame();
        writer.WriteInt32(code is OpCode.SetWatches2 ? Xid.SetWatches : code is OpCode.Auth ? Xid.Auth : ++_xid);
        writer.WriteInt32((int)code);
        body(writer);
        writer.EndFrame(frame);
        await _client.GetStream().WriteAsync(writer.Written);
        while (true)
        {
            if (await NextAsync() is { } answer)
            {
                return answer;
            }
        }
    }

    private async Task<(int Code, byte[] Body)?> NextAsync()
    {
        ReadOnlyMemory<byte> packet = await _packets.ReadAsync(CancellationToken.None)
            ?? throw new EndOfStreamException("the server closed the connection");
        return Read(packet.Span);
    }

    private (int, byte[])? Read(ReadOnlySpan<byte> packet)
    {
        var reader = new JuteReader(packet);
        int xid = reader.ReadInt32();
        _ = reader.ReadInt64();
        int code = reader.ReadInt32();
        if (xid != Xid.Notification)
        {
            return (code, packet[reader.Position..].ToArray());
        }
        var what = (KeeperEvent)reader.ReadInt32();
        Assert.Equal(3, reader.ReadInt32());
        Events.Add((what, reader.ReadString("path")));
        return null;
    }

    /// <summary>The next events, those that came already first.</summary>
    public async Task<List<(KeeperEvent What, string Path)>> EventsAsync(int count)
    {
        while (Events.Count < count)
        {
            Assert.Null(await NextAsync());
        }
        List<(KeeperEvent, string)> taken = Events.GetRange(0, count);
        Events.RemoveRange(0, count);
        return taken;
    }

    /// <summary>Waits until the server has closed the connection.</summary>
    public async Task<bool> IsClosedAsync()
    {
        try
        {
            return await _packets.ReadAsync(CancellationToken.None) is null;
        }
        catch (IOException)
        {
            return true;
        }
    }

    public void Dispose() => _client.Dispose();
}
