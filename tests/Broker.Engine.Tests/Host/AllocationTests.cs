using System.Buffers.Binary;
using System.Net.Sockets;
using Broker.Engine.Admin;
using Broker.Engine.Tests.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Broker.Protocol.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Host;

/// <summary>The data plane allocates nothing per request in steady state: a whole broker in this process, a client that allocates
/// nothing either, and the runtime's own count of bytes.</summary>
[Collection(nameof(AloneCollection))]
public sealed class AllocationTests : IDisposable
{
    private const int WarmUp = 3_000;
    private const int Measured = 5_000;

    /// <summary>Index growth, timers and the test runner's own threads: far below one object a request.</summary>
    private const long BytesMax = 16 * Measured;

    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task ProduceAndFetch_InSteadyState_AllocateNothingPerRequest()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the reactor is Linux's");
        HostedCluster cluster = HostedCluster.Configure(
            new ClusterSettings
            {
                Brokers = 1,
                DataDirectory = _directory.At("data"),
                Layers = [("test", [new("listeners", "PLAINTEXT://127.0.0.1:0"), new("num.network.threads", "1")])],
            },
            TimeProvider.System, NullLoggerFactory.Instance);
        await using (cluster)
        {
            await cluster.StartAsync(TestContext.Current.CancellationToken);
            using var admin = (IDisposable)ClusterDoor.Open(cluster);
            await ((IClusterAdmin)admin).CreateTopicAsync(new NewTopic("t", 1), TestContext.Current.CancellationToken);
            int port = cluster.Brokers[0].Server!.Endpoints[0].Port;
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect("127.0.0.1", port);
            Assert.InRange(Measure(socket, Produce()), 0, BytesMax);
            Assert.InRange(Measure(socket, Fetch()), 0, BytesMax);
        }
    }

    private static long Measure(Socket socket, byte[] request)
    {
        byte[] answer = new byte[256 * 1024];
        Exchange(socket, request, answer, WarmUp);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        Exchange(socket, request, answer, Measured);
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }

    private static void Exchange(Socket socket, byte[] request, byte[] answer, int times)
    {
        for (int i = 0; i < times; i++)
        {
            socket.Send(request);
            Receive(socket, answer.AsSpan(0, 4));
            int length = BinaryPrimitives.ReadInt32BigEndian(answer);
            Receive(socket, answer.AsSpan(0, length));
        }
    }

    private static void Receive(Socket socket, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = socket.Receive(destination);
            Assert.True(read > 0, "the broker closed the connection");
            destination = destination[read..];
        }
    }

    private static byte[] Produce()
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        builder.Begin(new RecordBatchOptions());
        builder.Append(1_700_000_000_000, (byte[]?)null, new byte[100]);
        var request = new ProduceRequest { Acks = 1, TimeoutMs = 1000 };
        var topic = new ProduceRequest.TopicProduceData { Name = "t"u8.ToArray() };
        topic.PartitionData.Add(new() { Index = 0, Records = new Broker.Protocol.Wire.Records(builder.Finish().ToArray()) });
        request.TopicData.Add(topic);
        return Frame(request, ApiKey.Produce, 9);
    }

    private static byte[] Fetch()
    {
        var request = new FetchRequest { MaxWaitMs = 100, MinBytes = 1, MaxBytes = 64 * 1024, SessionEpoch = -1 };
        var topic = new FetchRequest.FetchTopic { Topic = "t"u8.ToArray() };
        topic.Partitions.Add(new() { Partition = 0, FetchOffset = 5, PartitionMaxBytes = 4096, CurrentLeaderEpoch = -1 });
        request.Topics.Add(topic);
        return Frame(request, ApiKey.Fetch, 11);
    }

    private static byte[] Frame(IKafkaMessage request, ApiKey key, short version)
    {
        var writer = new KafkaWriter();
        int sizeAt = writer.ReserveInt32();
        new RequestHeader((short)key, version, 7, "test"u8.ToArray()).Write(writer, ApiCatalog.Get(key).RequestHeaderVersion(version));
        request.Write(writer, version);
        writer.PatchInt32(sizeAt, writer.Position - 4);
        return writer.WrittenSpan.ToArray();
    }
}

/// <summary>Tests that count the whole process's allocations run when no other does.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;
