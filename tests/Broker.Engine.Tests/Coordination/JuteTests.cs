using System.Buffers.Binary;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Jute;
using Broker.Engine.Coordination.ZooKeeper;
using Broker.Protocol.Wire;

namespace Broker.Engine.Tests.Coordination;

/// <summary>ZooKeeper's records: what is written is read, and hostile bytes are refused before anything is made of them.</summary>
public sealed class JuteTests
{
    [Fact]
    public void Written_IsRead()
    {
        var stat = new NodeStat(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
        var writer = new JuteWriter(1);
        writer.WriteInt32(-7);
        writer.WriteInt64(long.MinValue);
        writer.WriteBool(true);
        writer.WriteBytes([1, 2, 3]);
        writer.WriteString("/käse");
        writer.WriteStrings(["", "b"]);
        writer.WriteStat(stat);
        var reader = new JuteReader(writer.Written.Span);
        Assert.Equal((-7, long.MinValue, true), (reader.ReadInt32(), reader.ReadInt64(), reader.ReadBool()));
        Assert.Equal([1, 2, 3], reader.ReadBytes("b").ToArray());
        Assert.Equal("/käse", reader.ReadString("s"));
        Assert.Equal(["", "b"], reader.ReadStrings("l"));
        Assert.Equal(stat, reader.ReadStat());
        Assert.Equal(0, reader.Left);
    }

    [Fact]
    public void Handshake_WrittenIsRead_AndMayLackTheLastFlag()
    {
        var writer = new JuteWriter();
        var request = new ConnectRequest(5, 6000, 77, new byte[16], ReadOnly: true);
        request.Write(writer);
        Assert.Equal((5, 6000, 77, true), ConnectRequest.Read(writer.Written.Span) is var r ? (r.LastZxid, r.TimeoutMs, r.SessionId, r.ReadOnly) : default);
        Assert.False(ConnectRequest.Read(writer.Written.Span[..^1]).ReadOnly);
        writer.Clear();
        new ConnectResponse(9000, 5, [1], ReadOnly: false).Write(writer);
        Assert.Equal((9000, 5L), ConnectResponse.Read(writer.Written.Span) is var s ? (s.TimeoutMs, s.SessionId) : default);
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    [InlineData(5)]
    public void Lengths_ThatCannotBe_AreRefused(int length)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        Assert.Throws<MalformedRequestException>(() => new JuteReader(bytes).ReadBytes("b").ToArray());
        Assert.Throws<MalformedRequestException>(() => new JuteReader(bytes).ReadString("s"));
        Assert.Throws<MalformedRequestException>(() => new JuteReader(bytes).ReadStrings("l"));
    }

    [Fact]
    public void HostileBytes_AreReadOrRefused_AndNothingElse()
    {
        var random = new Random(11);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = new byte[random.Next(64)];
            random.NextBytes(bytes);
            if (bytes.Length > 4 && random.Next(2) == 0)
            {
                BinaryPrimitives.WriteInt32BigEndian(bytes, random.Next(-2, bytes.Length));
            }
            Try(() => ConnectRequest.Read(bytes));
            Try(() => ConnectResponse.Read(bytes));
            Try(() => new JuteReader(bytes).ReadStrings("l"));
            Try(() => new JuteReader(bytes).ReadStat());
        }

        static void Try(Action read)
        {
            try
            {
                read();
            }
            catch (MalformedRequestException)
            {
                // refused
            }
        }
    }

    [Fact]
    public async Task Packets_AreCut_WhateverPiecesTheyComeIn()
    {
        var writer = new JuteWriter();
        int[] lengths = [0, 1, 5000, 3, 70_000, 4096];
        foreach (int length in lengths)
        {
            writer.WriteBytes(Enumerable.Range(0, length).Select(i => (byte)i).ToArray());
        }
        foreach (int piece in (int[])[1, 7, 4096, 1_000_000])
        {
            var reader = new PacketReader(new Pieces(writer.ToArray(), piece), 70_000);
            foreach (int length in lengths)
            {
                ReadOnlyMemory<byte>? packet = await reader.ReadAsync(CancellationToken.None);
                Assert.Equal(Enumerable.Range(0, length).Select(i => (byte)i), packet!.Value.ToArray());
            }
            Assert.Null(await reader.ReadAsync(CancellationToken.None));
        }
    }

    [Fact]
    public async Task Packet_AnnouncedTooLong_IsRefused_AndOneThatDoesNotComeMakesNothing()
    {
        var writer = new JuteWriter();
        writer.WriteInt32(70_001);
        await Assert.ThrowsAsync<MalformedRequestException>(
            async () => await new PacketReader(new Pieces(writer.ToArray(), 4), 70_000).ReadAsync(CancellationToken.None));
        writer.PatchInt32(0, 1 << 30);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Null(await new PacketReader(new Pieces(writer.ToArray(), 4), int.MaxValue).ReadAsync(CancellationToken.None));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 100_000);
    }

    [Theory]
    [InlineData("a:1", "a:1", "")]
    [InlineData("a", "a:2181", "")]
    [InlineData("a:1, b:2/kafka", "a:1,b:2", "/kafka")]
    [InlineData("a:1/kafka/x/", "a:1", "/kafka/x")]
    [InlineData("[::1]:5,10.0.0.1:6/", "[::1]:5,10.0.0.1:6", "")]
    public void ConnectString_IsRead(string text, string servers, string chroot)
    {
        (IReadOnlyList<ServerAddress> found, string root) = ConnectString.Parse(text, out string? problem)!.Value;
        Assert.Null(problem);
        Assert.Equal((servers, chroot), (string.Join(',', found), root));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/kafka")]
    [InlineData("a:0")]
    [InlineData("a:x")]
    [InlineData("a:70000")]
    [InlineData(":2181")]
    [InlineData("a:1/x//y")]
    public void ConnectString_ThatIsNone_IsRefusedWithTheReason(string text)
    {
        Assert.Null(ConnectString.Parse(text, out string? problem));
        Assert.NotNull(problem);
    }

    private sealed class Pieces(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(piece, buffer.Length)], cancellationToken);
    }
}
