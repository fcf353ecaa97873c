using System.Buffers.Binary;
using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Tests.Wire;

/// <summary>Framing, versions and the order of answers, on both transports.</summary>
public class ConnectionTraps(BothTransports brokers) : IClassFixture<BothTransports>
{
    public static TheoryData<bool> Both => OperatingSystem.IsLinux() ? [false, true] : [true];

    private static readonly ApiVersionsRequest s_decent = new() { ClientSoftwareName = "test", ClientSoftwareVersion = "1.0" };

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Trap01_ApiVersionsOfAnUnknownVersion_AnswersVersion0WithItsOwnRangeAlone(bool portable)
    {
        await using RawClient client = brokers[portable].ConnectRaw();
        await client.SendAsync(RawClient.Frame(18, 99, 41, 0xde, 0xad, 0xbe, 0xef));
        (int id, ApiVersionsResponse answer) = RawClient.Read<ApiVersionsResponse>(await client.ReceiveAsync(), ApiKey.ApiVersions, 0);
        Assert.Equal(41, id);
        Assert.Equal(ErrorCode.UnsupportedVersion, answer.ErrorCode);
        ApiVersionsResponse.ApiVersion only = Assert.Single(answer.ApiKeys);
        Assert.Equal((18, 0, 4), (only.ApiKey, only.MinVersion, only.MaxVersion));

        await client.SendAsync(RawClient.Frame(ApiKey.ApiVersions, only.MaxVersion, s_decent));
        (_, answer) = RawClient.Read<ApiVersionsResponse>(await client.ReceiveAsync(), ApiKey.ApiVersions, 4);
        Assert.Equal(ErrorCode.None, answer.ErrorCode);
        Assert.True(answer.ApiKeys.Count > 20);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Trap02_ApiVersions_HasAFlexibleBodyBehindAHeaderWithoutTags(bool portable)
    {
        await using RawClient client = brokers[portable].ConnectRaw();
        foreach (short version in new short[] { 3, 4 })
        {
            await client.SendAsync(RawClient.Frame(ApiKey.ApiVersions, version, s_decent, correlationId: 5));
            byte[] frame = await client.ReceiveAsync();
            Assert.Equal(5, BinaryPrimitives.ReadInt32BigEndian(frame));
            Assert.Equal(0, BinaryPrimitives.ReadInt16BigEndian(frame.AsSpan(4)));   // the error follows the id at once
            Assert.Equal(await AdvertisedAsync(portable) + 1, (int)Length(frame));
        }
    }

    private static uint Length(byte[] frame) => new KafkaReader(frame, 6, frame.Length - 6).ReadUnsignedVarint();

    private async Task<int> AdvertisedAsync(bool portable)
    {
        await using KafkaConnection client = await brokers[portable].ConnectAsync();
        return (await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(new(), 0)).ApiKeys.Count;
    }

    [Theory]
    [InlineData("", "1.0")]
    [InlineData("test", "")]
    [InlineData("-test", "1.0")]
    [InlineData("te st", "1.0")]
    [InlineData("test", "1.0\n")]
    [InlineData("test", "1.0_")]
    public async Task Trap04_SoftwareNameOrVersionOfTheWrongForm_IsInvalidRequest(string name, string version)
    {
        await using KafkaConnection client = await brokers[false].ConnectAsync();
        ApiVersionsResponse answer = await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(
            new() { ClientSoftwareName = name, ClientSoftwareVersion = version }, 3);
        Assert.Equal(ErrorCode.InvalidRequest, answer.ErrorCode);
        Assert.Empty(answer.ApiKeys);
        answer = await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(s_decent, 3);
        Assert.Equal(ErrorCode.None, answer.ErrorCode);
    }

    public static TheoryData<bool, short, short> Unserved
    {
        get
        {
            var data = new TheoryData<bool, short, short>();
            foreach (bool portable in OperatingSystem.IsLinux() ? new[] { false, true } : [true])
            {
                data.Add(portable, 126, 0);
                data.Add(portable, 999, 0);
                data.Add(portable, -1, 0);
                data.Add(portable, (short)ApiKey.Metadata, 14);
                data.Add(portable, (short)ApiKey.Metadata, -1);
                data.Add(portable, (short)ApiKey.Produce, 2);   // advertised, and refused all the same (trap 6)
                data.Add(portable, (short)ApiKey.Fetch, 3);
                data.Add(portable, (short)ApiKey.SaslHandshake, 1);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Unserved))]
    public async Task Trap05_UnknownApiOrVersion_ClosesTheConnectionWithoutAnAnswer(bool portable, short key, short version)
    {
        await using RawClient client = brokers[portable].ConnectRaw();
        await client.SendAsync(RawClient.Frame(key, version, 3, new byte[64]));
        Assert.Equal(0, await client.ReadToEndAsync());
    }

    [Fact]
    public async Task Trap06_Produce_IsAdvertisedFromVersion0()
    {
        await using KafkaConnection client = await brokers[false].ConnectAsync();
        ApiVersionsResponse answer = await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(s_decent, 3);
        ApiVersionsResponse.ApiVersion produce = answer.ApiKeys.Single(k => k.ApiKey == (short)ApiKey.Produce);
        Assert.Equal((0, 13), (produce.MinVersion, produce.MaxVersion));
    }

    [Fact]
    public async Task Trap07_JoinGroupAndMetadata_AreAdvertisedAndServedFromVersion0()
    {
        await using KafkaConnection client = await brokers[false].ConnectAsync();
        ApiVersionsResponse answer = await client.CallAsync<ApiVersionsRequest, ApiVersionsResponse>(s_decent, 3);
        Assert.Equal(0, answer.ApiKeys.Single(k => k.ApiKey == (short)ApiKey.JoinGroup).MinVersion);
        Assert.Equal(0, answer.ApiKeys.Single(k => k.ApiKey == (short)ApiKey.Metadata).MinVersion);
        MetadataResponse metadata = await client.CallAsync<MetadataRequest, MetadataResponse>(new(), 0);
        Assert.NotEmpty(metadata.Brokers);
        JoinGroupResponse join = await client.CallAsync<JoinGroupRequest, JoinGroupResponse>(
            new() { GroupId = "", SessionTimeoutMs = 10_000, ProtocolType = "consumer" }, 0);
        Assert.Equal(ErrorCode.InvalidGroupId, join.ErrorCode);
    }

    /// <summary>Stricter than one at a time: what may overlap does, and answers keep the order of the requests.</summary>
    [Theory]
    [MemberData(nameof(Both))]
    public async Task Trap08_PipelinedRequests_AreAnsweredInTheirOrder(bool portable)
    {
        TestTopic topic = await brokers[portable].NewTopicAsync(partitions: 4);
        await using RawClient client = brokers[portable].ConnectRaw();
        var burst = new List<byte>();
        var kinds = new List<ApiKey>();
        void Add(ApiKey key, short version, IKafkaMessage body)
        {
            kinds.Add(key);
            burst.AddRange(RawClient.Frame(key, version, body, correlationId: kinds.Count));
        }

        for (int round = 0; round < 20; round++)
        {
            for (int p = 0; p < 4; p++)   // partitions of both network threads: hand-overs, moves
            {
                Add(ApiKey.Produce, 9, Calls.ProduceRequest(topic, Calls.Batch(), 9, p));
            }
            Add(ApiKey.Metadata, 9, new MetadataRequest());
            Add(ApiKey.Fetch, 12, Calls.FetchRequest(topic, round + 1, maxWaitMs: 20));   // nothing there yet: it waits
            Add(ApiKey.ApiVersions, 3, s_decent);
        }
        await client.SendAsync(burst.ToArray());
        for (int i = 1; i <= kinds.Count; i++)
        {
            Assert.Equal(i, BinaryPrimitives.ReadInt32BigEndian(await client.ReceiveAsync()));
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Trap09_AcksNone_GetsNoAnswer(bool portable)
    {
        TestTopic topic = await brokers[portable].NewTopicAsync();
        await using RawClient client = brokers[portable].ConnectRaw();
        await client.SendAsync(
            RawClient.Frame(ApiKey.Produce, 9, Calls.ProduceRequest(topic, Calls.Batch(3), 9, acks: 0), correlationId: 1),
            RawClient.Frame(ApiKey.ApiVersions, 3, s_decent, correlationId: 2));
        Assert.Equal(2, BinaryPrimitives.ReadInt32BigEndian(await client.ReceiveAsync()));
        await using KafkaConnection other = await brokers[portable].ConnectAsync();
        Assert.Equal(3, (await other.FetchOneAsync(topic, 0, maxWaitMs: 10_000)).HighWatermark);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Trap09_AcksNoneAndAnError_ClosesTheConnection(bool portable)
    {
        await using RawClient client = brokers[portable].ConnectRaw();
        await client.SendAsync(
            RawClient.Frame(ApiKey.Produce, 9, Calls.ProduceRequest(new TestTopic("nowhere", Guid.NewGuid()), Calls.Batch(), 9, acks: 0)));
        Assert.Equal(0, await client.ReadToEndAsync());
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-2)]
    public async Task Trap09_OtherAcks_AreInvalid(short acks)
    {
        TestTopic topic = await brokers[false].NewTopicAsync();
        await using KafkaConnection client = await brokers[false].ConnectAsync();
        Assert.Equal(ErrorCode.InvalidRequiredAcks, (await client.ProduceAsync(topic, Calls.Batch(), acks: acks)).ErrorCode);
        Assert.Equal(0, (await client.FetchOneAsync(topic, 0)).HighWatermark);
    }

    /// <summary>Without quotas nothing is throttled: every answer says 0, and none is held back.</summary>
    [Fact]
    public async Task Trap10_Throttling_IsNeverAnnouncedWithoutAQuota()
    {
        TestTopic topic = await brokers[false].NewTopicAsync();
        await using KafkaConnection client = await brokers[false].ConnectAsync();
        ProduceResponse produced = await client.CallAsync<ProduceRequest, ProduceResponse>(
            Calls.ProduceRequest(topic, Calls.Batch(), 9), 9);
        Assert.Equal(0, produced.ThrottleTimeMs);
        Assert.Equal(0, (await client.FetchAsync(Calls.FetchRequest(topic, 0))).ThrottleTimeMs);
        Assert.Equal(0, (await client.CallAsync<MetadataRequest, MetadataResponse>(new(), 9)).ThrottleTimeMs);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Trap11_FrameOutsideItsLimits_CostsTheConnection(bool portable)
    {
        foreach (int length in new[] { -1, int.MinValue, 100 * 1024 * 1024 + 1, int.MaxValue, unchecked((int)4_294_246_401) })
        {
            await using RawClient client = brokers[portable].ConnectRaw();
            byte[] header = new byte[12];
            BinaryPrimitives.WriteInt32BigEndian(header, length);
            await client.SendAsync(header);
            Assert.Equal(0, await client.ReadToEndAsync());
        }
        await using RawClient decent = brokers[portable].ConnectRaw();
        await decent.SendAsync(RawClient.Frame(ApiKey.ApiVersions, 3, s_decent));
        Assert.NotEmpty(await decent.ReceiveAsync());
    }
}

/// <summary>A broker on each transport.</summary>
public sealed class BothTransports : IAsyncLifetime
{
    private TestCluster? _reactor;
    private TestCluster? _portable;

    internal TestCluster this[bool portable] => portable ? _portable! : _reactor!;

    public async ValueTask InitializeAsync()
    {
        _reactor = await TestCluster.StartAsync();
        _portable = await TestCluster.StartAsync(portable: true);
    }

    public async ValueTask DisposeAsync()
    {
        await _reactor!.DisposeAsync();
        await _portable!.DisposeAsync();
    }
}
