using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Broker.Engine.Admin;
using Broker.Engine.Admin.Hosted.Remote;
using Broker.Engine.Metadata;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Tests.Admin;

/// <summary>Lines to brokers of other hosts, which may be older or newer than this one.</summary>
public sealed class RemoteBrokersTests
{
    private const int Other = 9;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, 3, 3)]
    [InlineData(2, 11, 5)]
    [InlineData(5, 9, 5)]
    public async Task Call_GoesOutInTheHighestVersionThatBothKnow(short lowest, short highest, short expected)
    {
        await using var broker = new OneApiBroker(lowest, highest);
        await using RemoteBrokers lines = Lines(broker.Port);
        await lines.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(Other, new() { ReplicaId = -1 }, 5, Token);
        Assert.Equal(expected, broker.Asked);
    }

    [Fact]
    public async Task Call_OfWhatTheOtherKnowsOnlyInLaterVersions_SaysSo()
    {
        await using var broker = new OneApiBroker(7, 11);
        await using RemoteBrokers lines = Lines(broker.Port);
        AdminException refused = await Assert.ThrowsAsync<AdminException>(
            () => lines.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(Other, new() { ReplicaId = -1 }, 5, Token));
        Assert.Equal("BROKER_NOT_AVAILABLE", refused.Error);
        Assert.Contains("knows ListOffsets in versions 7 to 11", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Call_OverALineThatTheOtherClosedMeanwhile_GoesOverANewOne()
    {
        await using var broker = new OneApiBroker(1, 5);
        await using RemoteBrokers lines = Lines(broker.Port);
        await lines.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(Other, new() { ReplicaId = -1 }, 5, Token);
        broker.CloseAll();
        for (int i = 0; broker.Connections < 2; i++)
        {
            Assert.True(i < 1_000, "no new line");
            try
            {
                await lines.CallAsync<ListOffsetsRequest, ListOffsetsResponse>(Other, new() { ReplicaId = -1 }, 5, Token);
            }
            catch (AdminException)
            {
                // the end of the old line had not come here yet
            }
        }
    }

    private static RemoteBrokers Lines(int port)
    {
        BrokerEndpoint endpoint = new("PLAINTEXT", "127.0.0.1", port, 0);
        MetadataImage image = MetadataImage.Empty with
        {
            Brokers = ImmutableDictionary<int, BrokerImage>.Empty.Add(Other, new BrokerImage(Other, null, [endpoint])),
        };
        return new RemoteBrokers(() => image, TimeProvider.System);
    }

    /// <summary>Knows ListOffsets alone, and answers it with nothing.</summary>
    private sealed class OneApiBroker : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly List<Socket> _open = [];
        private readonly Task _accepting;
        private readonly short _lowest;
        private readonly short _highest;

        public OneApiBroker(short lowest, short highest)
        {
            (_lowest, _highest) = (lowest, highest);
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        /// <summary>The version of the last request that was not for versions.</summary>
        public short Asked { get; private set; } = -1;

        public int Connections { get; private set; }

        public void CloseAll()
        {
            lock (_open)
            {
                _open.ForEach(s => s.Dispose());
                _open.Clear();
            }
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    Socket socket = await _listener.AcceptSocketAsync();
                    Connections++;
                    lock (_open)
                    {
                        _open.Add(socket);
                    }
                    _ = ServeAsync(new NetworkStream(socket, ownsSocket: true));
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // the test is over
            }
        }

        private async Task ServeAsync(NetworkStream stream)
        {
            try
            {
                byte[] size = new byte[4];
                while (true)
                {
                    await stream.ReadExactlyAsync(size);
                    byte[] frame = new byte[BinaryPrimitives.ReadInt32BigEndian(size)];
                    await stream.ReadExactlyAsync(frame);
                    var writer = new KafkaWriter(256);
                    int sizeAt = writer.ReserveInt32();
                    writer.WriteInt32(BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(4)));
                    Answer(writer, (ApiKey)BinaryPrimitives.ReadInt16BigEndian(frame), BinaryPrimitives.ReadInt16BigEndian(frame.AsSpan(2)));
                    writer.PatchInt32(sizeAt, writer.Position - sizeAt - sizeof(int));
                    await stream.WriteAsync(writer.WrittenMemory);
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // closed
            }
        }

        private void Answer(KafkaWriter writer, ApiKey api, short version)
        {
            if (api == ApiKey.ApiVersions)
            {
                var known = new ApiVersionsResponse();
                known.ApiKeys.Add(new() { ApiKey = (short)ApiKey.ListOffsets, MinVersion = _lowest, MaxVersion = _highest });
                known.Write(writer, version);
                return;
            }
            Asked = version;
            new ListOffsetsResponse().Write(writer, version);
        }

        public async ValueTask DisposeAsync()
        {
            _listener.Dispose();
            CloseAll();
            await _accepting;
        }
    }
}
