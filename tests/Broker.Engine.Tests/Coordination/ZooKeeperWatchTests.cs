using System.Net;
using System.Net.Sockets;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Jute;

namespace Broker.Engine.Tests.Coordination;

/// <summary>Our client's watches against a server that ends each connection at the worst moment.</summary>
public sealed class ZooKeeperWatchTests : IDisposable
{
    private const int Rounds = 20;

    private static readonly CancellationToken s_none = CancellationToken.None;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public ZooKeeperWatchTests() => _listener.Start();

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task Watch_ConnectionEndsWithTheAnswerThatSetsIt_IsSetAgainOnEachNext()
    {
        Task<List<string>> serving = ServeAsync();
        int told = 0;
        ICoordinationSession session = await Keeper.Store($"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}")
            .OpenSessionAsync(TimeSpan.FromSeconds(30), s_none);
        await session.WatchAsync("/w", WatchKinds.Node, _ => Interlocked.Increment(ref told), s_none);
        List<string> first = await serving;
        Assert.All(first.Skip(1), packet => Assert.Equal("SetWatches since 5: /w", packet));
        await session.DisposeAsync();
        Assert.True(told >= Rounds - 1, $"{told} events");
    }

    /// <returns>Each connection's first packet.</returns>
    private async Task<List<string>> ServeAsync()
    {
        var first = new List<string>();
        for (int round = 0; round < Rounds; round++)
        {
            using TcpClient client = await _listener.AcceptTcpClientAsync(s_none);
            NetworkStream stream = client.GetStream();
            var packets = new PacketReader(stream, 1 << 20);
            await packets.ReadAsync(s_none);
            await WriteAsync(stream, w => new ConnectResponse(30_000, 7, new byte[16], false).Write(w));
            (int xid, string what) = Read((await packets.ReadAsync(s_none))!.Value.Span);
            first.Add(what);
            if (xid == Xid.SetWatches)
            {
                await WriteAsync(stream, w => Header(w, xid));
                await WriteAsync(stream, w =>
                {
                    Header(w, Xid.Notification);
                    w.WriteInt32((int)KeeperEvent.NodeDataChanged);
                    w.WriteInt32(3);
                    w.WriteString("/w");
                });
                (xid, _) = Read((await packets.ReadAsync(s_none))!.Value.Span);
            }
            await WriteAsync(stream, w =>
            {
                Header(w, xid);
                w.WriteStat(default);
            });
        }
        _ = EndAsync();
        return first;
    }

    /// <summary>Answers whatever is asked on one connection more.</summary>
    private async Task EndAsync()
    {
        using TcpClient client = await _listener.AcceptTcpClientAsync(s_none);
        NetworkStream stream = client.GetStream();
        var packets = new PacketReader(stream, 1 << 20);
        await packets.ReadAsync(s_none);
        await WriteAsync(stream, w => new ConnectResponse(30_000, 7, new byte[16], false).Write(w));
        while (await packets.ReadAsync(s_none) is { } packet)
        {
            (int xid, _) = Read(packet.Span);
            await WriteAsync(stream, w => Header(w, xid));
        }
    }

    private static void Header(JuteWriter writer, int xid)
    {
        writer.WriteInt32(xid);
        writer.WriteInt64(xid == Xid.Notification ? -1 : 5);
        writer.WriteInt32(0);
    }

    private static async Task WriteAsync(NetworkStream stream, Action<JuteWriter> body)
    {
        var writer = new JuteWriter();
        int frame = writer.BeginFrame();
        body(writer);
        writer.EndFrame(frame);
        await stream.WriteAsync(writer.Written, s_none);
    }

    private static (int Xid, string What) Read(ReadOnlySpan<byte> packet)
    {
        var reader = new JuteReader(packet);
        int xid = reader.ReadInt32();
        var code = (OpCode)reader.ReadInt32();
        return (xid, code == OpCode.SetWatches ? $"{code} since {reader.ReadInt64()}: {string.Join(',', reader.ReadStrings("data"))}" : $"{code}");
    }
}
