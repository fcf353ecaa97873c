using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Protocol.Tests.Messages;

/// <summary>Every declared message in every version: written, read back, equal; truncated anywhere, refused.</summary>
public class RoundTripTests
{
    private const int Rounds = 20;

    public static TheoryData<string, short> All()
    {
        var data = new TheoryData<string, short>();
        foreach (ApiInfo api in ApiCatalog.All)
        {
            for (short version = api.LowestVersion; version <= api.HighestVersion; version++)
            {
                data.Add(api.NewRequest().GetType().Name, version);
                data.Add(api.NewResponse().GetType().Name, version);
            }
        }
        foreach (Type stored in Stored)
        {
            for (short version = 0; version <= (short)stored.GetProperty("HighestVersion")!.GetValue(null)!; version++)
            {
                data.Add(stored.Name, version);
            }
        }
        return data;
    }

    private static readonly Type[] Stored =
    [
        .. typeof(ApiCatalog).Assembly.GetTypes().Where(t =>
            t is { IsClass: true } && t.IsAssignableTo(typeof(IKafkaMessage)) && !t.IsAssignableTo(typeof(IApiMessage))),
    ];

    private static IKafkaMessage New(string name) => (IKafkaMessage)Activator.CreateInstance(
        typeof(ApiCatalog).Assembly.GetType($"Broker.Protocol.Messages.{name}", throwOnError: true)!)!;

    [Theory]
    [MemberData(nameof(All))]
    public void WriteThenRead_RandomValues_Equal(string name, short version)
    {
        IKafkaMessage reused = New(name);
        for (int seed = 0; seed < Rounds; seed++)
        {
            IKafkaMessage message = New(name);
            RandomMessages.Fill(message, version, new Random(seed));
            byte[] bytes = RandomMessages.Write(message, version);

            // One object reads every round: what an earlier round left must not show.
            var reader = new KafkaReader(bytes, 0, bytes.Length);
            reused.Read(ref reader, version);

            Assert.Equal(0, reader.Remaining);
            Assert.Null(RandomMessages.Difference(message, reused, $"{name} v{version} seed {seed}"));
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Read_TruncatedAtEveryByte_IsMalformed(string name, short version)
    {
        IKafkaMessage message = New(name);
        RandomMessages.Fill(message, version, new Random(7));
        byte[] bytes = RandomMessages.Write(message, version);
        for (int length = 0; length < bytes.Length; length++)
        {
            byte[] cut = bytes[..length];
            Assert.Throws<MalformedRequestException>(() =>
            {
                var reader = new KafkaReader(cut, 0, cut.Length);
                New(name).Read(ref reader, version);
            });
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Read_FlippedBytes_ReadsOrIsMalformed(string name, short version)
    {
        var random = new Random(version);
        IKafkaMessage message = New(name);
        RandomMessages.Fill(message, version, new Random(3));
        byte[] original = RandomMessages.Write(message, version);
        for (int round = 0; round < 200 && original.Length > 0; round++)
        {
            byte[] bytes = [.. original];
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = random.Next(2) == 0 ? (byte)0xff : (byte)random.Next(256);
            }
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var reader = new KafkaReader(bytes, 0, bytes.Length);
                New(name).Read(ref reader, version);
            }
            catch (MalformedRequestException)
            {
                // The one error that bytes may give.
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(allocated < 200_000 + (bytes.Length * 400L), $"{allocated} bytes for a frame of {bytes.Length}");
        }
    }

    /// <summary>The greatest length, legacy and compact, at every place where one could stand: little memory in any case.</summary>
    [Theory]
    [MemberData(nameof(All))]
    public void Read_GreatestLengthAnywhere_TakesNoMemoryForIt(string name, short version)
    {
        IKafkaMessage message = New(name);
        RandomMessages.Fill(message, version, new Random(5));
        byte[] original = RandomMessages.Write(message, version);
        foreach (byte[] length in new byte[][] { [0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff, 0x0f], [0x7f, 0xff], [0x80, 0, 0, 0] })
        {
            for (int at = 0; at + length.Length <= original.Length; at += 1 + (original.Length / 400))
            {
                byte[] bytes = [.. original];
                length.CopyTo(bytes, at);
                long before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    var reader = new KafkaReader(bytes, 0, bytes.Length);
                    New(name).Read(ref reader, version);
                }
                catch (MalformedRequestException)
                {
                    // The one error that bytes may give.
                }
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200_000 + (bytes.Length * 400L));
            }
        }
    }

    [Fact]
    public void Read_ArrayLongerThanElementBudget_IsMalformed()
    {
        byte[] frame = new byte[4 + (3 * 1024 * 1024)];
        frame[1] = 0x10;   // 1,048,576 groups, each an empty string of two bytes
        Assert.Throws<MalformedRequestException>(() =>
        {
            var reader = new KafkaReader(frame, 0, frame.Length);
            new DescribeGroupsRequest().Read(ref reader, 0);
        });
    }

    [Fact]
    public void Read_UnknownTaggedField_IsSkipped()
    {
        byte[] body = [3, (byte)'a', (byte)'b', 2, (byte)'1', 1, 9, 3, 1, 2, 3];
        var reader = new KafkaReader(body, 0, body.Length);
        var request = new ApiVersionsRequest();
        request.Read(ref reader, 3);
        Assert.Equal("ab", request.ClientSoftwareName);
        Assert.Equal(0, reader.Remaining);
    }

    [Fact]
    public void Write_ValueThatVersionCannotCarry_Throws()
    {
        var request = new OffsetCommitRequest { GroupId = "g", GroupInstanceId = "static" };
        Assert.Throws<UnsupportedVersionException>(() => request.Write(new KafkaWriter(), 6));
        request.Write(new KafkaWriter(), 7);
    }

    [Fact]
    public void Write_LongTaggedField_MovesContentBehindItsSize()
    {
        var response = new ApiVersionsResponse();
        for (int i = 0; i < 40; i++)
        {
            response.SupportedFeatures.Add(new() { Name = $"feature-number-{i}", MaxVersion = (short)i });
        }
        byte[] bytes = RandomMessages.Write(response, 3);
        var reader = new KafkaReader(bytes, 0, bytes.Length);
        var back = new ApiVersionsResponse();
        back.Read(ref reader, 3);
        Assert.Null(RandomMessages.Difference(response, back, ""));
    }
}
