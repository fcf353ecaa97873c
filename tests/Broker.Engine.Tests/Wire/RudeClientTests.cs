using System.Buffers.Binary;
using System.Net.Sockets;
using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Tests.Wire;

/// <summary>What no decent client does costs its own connection, never the broker: on both transports, with a decent client
/// looking on.</summary>
public class RudeClientTests(BothTransports brokers) : IClassFixture<BothTransports>
{
    public static TheoryData<bool> Both => ConnectionTraps.Both;

    internal static async Task ServesAsync(KafkaConnection decent, TestTopic topic)
    {
        long at = (await decent.ProduceAsync(topic, Calls.Batch())).BaseOffset;
        Assert.NotEqual(0, (await decent.FetchOneAsync(topic, at, maxWaitMs: 10_000)).Records.Length);
    }

    /// <summary>Waits until the broker has let go of everything but the decent client.</summary>
    internal static async Task UntilAloneAsync(TestCluster cluster, int connections)
    {
        for (int i = 0; cluster.Server().Connections.Count > connections; i++)
        {
            Assert.True(i < 20_000, $"{cluster.Server().Connections.Count} connections are left");
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
    }

    internal static async Task UntilAsync(Func<bool> holds, string what)
    {
        for (int i = 0; !holds(); i++)
        {
            Assert.True(i < 20_000, what);
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>A topic, and a client that behaves, beside the one that does not.</summary>
    private async Task<(TestCluster Cluster, TestTopic Topic, KafkaConnection Decent)> BeginAsync(bool portable)
    {
        TestCluster cluster = brokers[portable];
        return (cluster, await cluster.NewTopicAsync(), await cluster.ConnectAsync());
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Garbage_OfEveryKind_IsClosed(bool portable)
    {
        (TestCluster cluster, TestTopic topic, KafkaConnection decent) = await BeginAsync(portable);
        var random = new Random(5);
        byte[][] rude =
        [
            "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(),
            [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],   // a TLS hello
            [0, 0, 0, 0],
            [0, 0, 0, 1, 0],
            [0, 0, 0, 7, 0, 18, 0, 3, 0, 0, 0],
            RawClient.Frame((short)ApiKey.Metadata, 9, 1, 0xff, 0xff, 0xff, 0xff, 0x0f),
            RawClient.Frame((short)ApiKey.Produce, 9, 1, 0xff),
            RawClient.Frame((short)ApiKey.Fetch, 12, 1, new byte[3]),
            RawClient.Frame((short)ApiKey.ApiVersions, 3, 1, 0, 0xff, 0xff, 0xff),
            .. Enumerable.Range(0, 50).Select(_ => Noise(random)),
        ];
        foreach (byte[] bytes in rude)
        {
            await using RawClient client = cluster.ConnectRaw();
            await client.SendAsync(bytes);
            try
            {
                client.Socket.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                // closed by the broker already
            }
            await client.ReadToEndAsync();
        }
        await ServesAsync(decent, topic);
    }

    private static byte[] Noise(Random random)
    {
        byte[] bytes = new byte[random.Next(1, 300)];
        random.NextBytes(bytes);
        BinaryPrimitives.WriteInt32BigEndian(bytes.Length >= 4 ? bytes : bytes = new byte[4], bytes.Length - 4);
        if (bytes.Length > 8)
        {
            BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(4), (short)random.Next(0, 62));
            BinaryPrimitives.WriteInt16BigEndian(bytes.AsSpan(6), (short)random.Next(0, 12));
        }
        return bytes;
    }

    /// <summary>A frame that ends with its header, in every version of every API: answered where the body is empty, else
    /// malformed, and the connection is closed.</summary>
    [Theory]
    [MemberData(nameof(Both))]
    public async Task Body_Missing_IsMalformedUnlessTheVersionHasNone(bool portable)
    {
        (TestCluster cluster, TestTopic topic, KafkaConnection decent) = await BeginAsync(portable);
        ApiVersionsResponse served = await decent.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(new(), 0);
        foreach (ApiVersionsResponse.ApiVersion api in served.ApiKeys)
        {
            for (short version = Math.Max(api.MinVersion, ApiCatalog.Get((ApiKey)api.ApiKey).LowestVersion); version <= api.MaxVersion; version++)
            {
                byte[] frame = RawClient.Frame((ApiKey)api.ApiKey, version, null);
                var body = new KafkaWriter();
                ApiCatalog.Get((ApiKey)api.ApiKey).NewRequest().Write(body, version);
                await using RawClient client = cluster.ConnectRaw();
                await client.SendAsync(frame);
                if (body.Position == 0)
                {
                    Assert.NotEmpty(await client.ReceiveAsync());
                    continue;
                }
                int answered = await client.ReadToEndAsync();
                Assert.True(answered == 0, $"{(ApiKey)api.ApiKey} v{version} without a body was answered with {answered} bytes");
            }
        }
        await ServesAsync(decent, topic);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Dribble_ByteByByte_IsServedAndHoldsNobodyUp(bool portable)
    {
        (TestCluster cluster, TestTopic topic, KafkaConnection decent) = await BeginAsync(portable);
        await using RawClient slow = cluster.ConnectRaw();
        foreach (byte b in RawClient.Frame(ApiKey.Produce, 9, Calls.ProduceRequest(topic, Calls.Batch(), 9)))
        {
            await slow.SendAsync(new[] { b });
            await ServesAsync(decent, topic);
        }
        (_, ProduceResponse answer) = RawClient.Read<ProduceResponse>(await slow.ReceiveAsync(), ApiKey.Produce, 9);
        Assert.Equal(ErrorCode.None, answer.Responses[0].PartitionResponses[0].ErrorCode);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ConnectionClosed_InTheMiddleOfAProduce_AppendsNothing(bool portable)
    {
        (TestCluster cluster, TestTopic topic, KafkaConnection decent) = await BeginAsync(portable);
        byte[] frame = RawClient.Frame(ApiKey.Produce, 9, Calls.ProduceRequest(topic, Calls.Batch(1, valueBytes: 500_000), 9));
        foreach (int cut in new[] { 1, 3, 4, 12, 100, 70_000, 300_000, frame.Length - 1 })
        {
            foreach (bool reset in new[] { false, true })
            {
                await using RawClient client = cluster.ConnectRaw();
                await client.SendAsync(frame.AsMemory(0, cut));
                if (reset)
                {
                    client.Socket.LingerState = new LingerOption(true, 0);
                }
            }
        }
        Assert.Equal(0, (await decent.ProduceAsync(topic, Calls.Batch())).BaseOffset);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ConnectionClosed_InTheMiddleOfALongPoll_LeavesNothingBehind(bool portable)
    {
        (TestCluster cluster, TestTopic topic, KafkaConnection decent) = await BeginAsync(portable);
        await ServesAsync(decent, topic);
        int before = cluster.Server().Connections.Count;
        for (int i = 0; i < 100; i++)
        {
            await using RawClient client = cluster.ConnectRaw();
            await client.SendAsync(RawClient.Frame(ApiKey.Fetch, 12, Calls.FetchRequest(topic, 1, maxWaitMs: 500)));
            if (i % 10 == 0)
            {
                await UntilAsync(() => cluster.Server().FetchPurgatory.NumDelayedOperations > 0, "the fetch does not wait");
            }
            client.Socket.LingerState = new LingerOption(true, i % 2 == 0 ? 0 : 1);
        }
        await UntilAloneAsync(cluster, before);
        await UntilAsync(() => cluster.Server().FetchPurgatory.NumDelayedOperations == 0, "fetches of nobody still wait");
        await ServesAsync(decent, topic);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task ConnectionClosed_InTheMiddleOfAJoin_IsLetGo(bool portable)
    {
        await using TestCluster cluster = await TestCluster.StartAsync(
            portable: portable, overrides: ["group.min.session.timeout.ms=100"]);
        KafkaConnection decent = await cluster.ConnectAsync();
        FindCoordinatorResponse found;
        do
        {
            found = await decent.CallAsync<FindCoordinatorRequest, FindCoordinatorResponse>(new() { Key = "rude" }, 2);
        }
        while (found.ErrorCode != ErrorCode.None);
        int before = cluster.Server().Connections.Count;
        for (int i = 0; i < 30; i++)
        {
            var join = new JoinGroupRequest { GroupId = "rude", ProtocolType = "consumer", SessionTimeoutMs = 300, RebalanceTimeoutMs = 300 };
            join.Protocols.Add(new() { Name = "range" });
            await using RawClient client = cluster.ConnectRaw();
            await client.SendAsync(RawClient.Frame(ApiKey.JoinGroup, 2, join));
            client.Socket.LingerState = new LingerOption(true, i % 2 == 0 ? 0 : 1);
        }
        await UntilAloneAsync(cluster, before);
    }

    /// <summary>A client that asks and never reads is not read either: what the broker holds for it stays small.</summary>
    [Theory]
    [MemberData(nameof(Both))]
    public async Task NeverReading_Client_IsHeldBack(bool portable)
    {
        (TestCluster cluster, TestTopic topic, KafkaConnection decent) = await BeginAsync(portable);
        await decent.ProduceAsync(topic, Calls.Batch(1, valueBytes: 900_000));
        int before = cluster.Server().Connections.Count;
        byte[] fetch = RawClient.Frame(ApiKey.Fetch, 12, Calls.FetchRequest(topic, 0));
        byte[] burst = [.. Enumerable.Repeat(fetch, 2_000).SelectMany(f => f)];
        var deaf = new List<RawClient>();
        for (int i = 0; i < 4; i++)
        {
            RawClient client = cluster.ConnectRaw();
            client.Socket.ReceiveBufferSize = 4096;
            await client.SendAsync(burst);
            deaf.Add(client);
        }
        for (int i = 0; i < 50; i++)
        {
            await decent.ProduceAsync(topic, Calls.Batch());
        }
        Assert.InRange(cluster.Server().Transport.Pool.RentedBytes, 0, 8 * 1024 * 1024);
        foreach (RawClient client in deaf)
        {
            await client.DisposeAsync();
        }
        await UntilAloneAsync(cluster, before);
        await ServesAsync(decent, topic);
    }
}
