using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Broker.Client;
using Broker.Engine.Handlers.Produce;
using Broker.Engine.Metadata;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;
using static Broker.Engine.Tests.Transport.TransportFixture;

namespace Broker.Engine.Tests.Replication;

/// <summary>A line to a new leader that is slow, silent or gone.</summary>
public sealed class HandoverLineTests : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();

    public HandoverLineTests() => _listener.Start();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private HandoverLine NewLine() => new(
        () => new BrokerEndpoint("PLAINTEXT", "127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port, 0), "test", Dialer.System, _ending.Token);

    [Fact]
    public async Task SendAsync_ManyWhileTheConnectionIsMade_GoOutInTheOrderOfTheCalls()
    {
        HandoverLine line = NewLine();
        Task<Task<ProduceResponse>?>[] sent = [.. Enumerable.Range(0, 50).Select(i => line.SendAsync(Request(i), Token))];
        using (TcpClient leader = await _listener.AcceptTcpClientAsync(Token))
        {
            await AnswerVersionsAsync(leader);
            for (int i = 0; i < sent.Length; i++)
            {
                Assert.Equal(i, await ReadNumberAsync(leader));
            }
        }

        // The leader is gone: each was sent and is not answered.
        foreach (Task<Task<ProduceResponse>?> one in sent)
        {
            await Assert.ThrowsAsync<IOException>(async () => await (await one)!);
        }
        await line.DisposeAsync();
    }

    [Fact]
    public async Task SendAsync_WhereTheLeaderTakesTheConnectionAndSaysNothing_GivesUp()
    {
        HandoverLine line = NewLine();
        Task ready = line.ReadyAsync();
        Task<Task<ProduceResponse>?> sent = line.SendAsync(Request(0), Token);
        using TcpClient leader = await _listener.AcceptTcpClientAsync(Token);

        await ready.WaitAsync(TimeSpan.FromSeconds(20), Token);
        Assert.Null(await sent.WaitAsync(TimeSpan.FromSeconds(20), Token));
        await _ending.CancelAsync();
        await line.DisposeAsync();
    }

    private static ProduceRequest Request(int number)
    {
        ProduceRequest request = Calls.ProduceRequest(new TestTopic("t", Guid.Empty), Calls.Batch(), 9);
        request.TimeoutMs = number;
        return request;
    }

    private static async Task AnswerVersionsAsync(TcpClient client)
    {
        int id = BinaryPrimitives.ReadInt32BigEndian((await ReadFrameAsync(client)).AsSpan(4));
        var writer = new KafkaWriter();
        int sizeAt = writer.ReserveInt32();
        writer.WriteInt32(id);
        var versions = new ApiVersionsResponse();
        versions.ApiKeys.Add(new() { ApiKey = (short)ApiKey.Produce, MinVersion = 3, MaxVersion = 9 });
        versions.Write(writer, 0);
        writer.PatchInt32(sizeAt, writer.Position - sizeof(int));
        await client.GetStream().WriteAsync(writer.WrittenMemory, Token);
    }

    private static async Task<int> ReadNumberAsync(TcpClient client)
    {
        return Number(await ReadFrameAsync(client));
    }

    private static int Number(byte[] frame)
    {
        var reader = new KafkaReader(frame, 0, frame.Length);
        RequestHeader.Read(ref reader, ApiCatalog.Get(ApiKey.Produce).RequestHeaderVersion(9));
        var request = new ProduceRequest();
        request.Read(ref reader, 9);
        return request.TimeoutMs;
    }

    public void Dispose()
    {
        _listener.Dispose();
        _ending.Dispose();
    }
}
