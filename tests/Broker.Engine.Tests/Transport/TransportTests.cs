using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Broker.Engine.Storage.Files;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Transport.Reactor;
using static Broker.Engine.Tests.Transport.TransportFixture;

namespace Broker.Engine.Tests.Transport;

/// <summary>Both transports, over real sockets.</summary>
public partial class TransportTests
{
    public static TheoryData<bool> Both => OperatingSystem.IsLinux() ? [true, false] : [false];

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Frames_OfManySizes_ComeBackWholeAndInOrder(bool reactor)
    {
        using var fixture = new TransportFixture(reactor);
        TcpClient client = fixture.Connect();
        int[] sizes = [1, 100, 4_000, 60_000, 70_000, 128 * 1024, 1_000_000, 1, 5_000_000, 3, 140_000, 2];
        Task sending = Task.Run(async () =>
        {
            foreach (int size in sizes)
            {
                await client.GetStream().WriteAsync(Frame(Echo, size));
            }
        }, TestContext.Current.CancellationToken);
        foreach (int size in sizes)
        {
            byte[] answer = await ReadFrameAsync(client);
            Assert.Equal(Frame(Echo, size)[4..], answer);
        }
        await sending;
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Frames_PipelinedInOneWrite_AllAnswered(bool reactor)
    {
        using var fixture = new TransportFixture(reactor);
        TcpClient client = fixture.Connect();
        byte[] burst = [.. Enumerable.Range(1, 2_000).SelectMany(i => Frame(Echo, (i % 97) + 1))];
        await client.GetStream().WriteAsync(burst, TestContext.Current.CancellationToken);
        for (int i = 1; i <= 2_000; i++)
        {
            Assert.Equal((i % 97) + 1, (await ReadFrameAsync(client)).Length);
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Frame_ByteByByte_IsAnsweredAndHoldsNobodyUp(bool reactor)
    {
        using var fixture = new TransportFixture(reactor);
        TcpClient slow = fixture.Connect();
        TcpClient quick = fixture.Connect();
        foreach (byte b in Frame(Echo, 40))
        {
            await slow.GetStream().WriteAsync(new[] { b }, TestContext.Current.CancellationToken);
            await quick.GetStream().WriteAsync(Frame(Echo, 9), TestContext.Current.CancellationToken);
            Assert.Equal(9, (await ReadFrameAsync(quick)).Length);
        }
        Assert.Equal(40, (await ReadFrameAsync(slow)).Length);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Length_NegativeOrHuge_CostsOneConnection(bool reactor)
    {
        using var fixture = new TransportFixture(reactor);
        foreach (byte[] header in new byte[][] { [255, 255, 255, 255], [0x7f, 0xff, 0xff, 0xff], "GET / HTTP/1.1\r\n\r\n"u8.ToArray() })
        {
            TcpClient bad = fixture.Connect();
            await bad.GetStream().WriteAsync(header, TestContext.Current.CancellationToken);
            Assert.True(await IsClosedAsync(bad));
        }
        TcpClient good = fixture.Connect();
        await good.GetStream().WriteAsync(Frame(Echo, 5), TestContext.Current.CancellationToken);
        Assert.Equal(5, (await ReadFrameAsync(good)).Length);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Length_AnnouncedButNeverSent_TakesNoMemoryForIt(bool reactor)
    {
        using var fixture = new TransportFixture(reactor, o => o with { FrameBytesMax = 100 * 1024 * 1024 });
        for (int i = 0; i < 20; i++)
        {
            await fixture.Connect().GetStream().WriteAsync(new byte[] { 6, 0, 0, 0, 1, 2, 3 }, TestContext.Current.CancellationToken);
        }
        TcpClient last = fixture.Connect();
        await last.GetStream().WriteAsync(Frame(Echo, 5), TestContext.Current.CancellationToken);
        await ReadFrameAsync(last);
        Assert.InRange(fixture.Transport.Snapshot().RequestBytesRented, 0, 20L * 3 * 1024 * 1024);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Pause_ThenResume_LaterFramesFollowInOrder(bool reactor)
    {
        using var fixture = new TransportFixture(reactor);
        TcpClient client = fixture.Connect();
        await client.GetStream().WriteAsync(
            (byte[])[.. Frame(Echo, 3), .. Frame(Park, 4), .. Frame(Echo, 5), .. Frame(Echo, 6)], TestContext.Current.CancellationToken);
        Assert.Equal(3, (await ReadFrameAsync(client)).Length);
        Handler handler = fixture.Handlers[0];
        await handler.Parked.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        handler.Unpark(new byte[44]);
        Assert.Equal(44, (await ReadFrameAsync(client)).Length);
        Assert.Equal(5, (await ReadFrameAsync(client)).Length);
        Assert.Equal(6, (await ReadFrameAsync(client)).Length);
    }

    [Fact]
    public async Task AConnectionFromThisMachine_IsNotPaced()
    {
        const int Tcp = 6, Congestion = 13;
        Assert.SkipUnless(OperatingSystem.IsLinux(), "congestion control is chosen on Linux only");
        using var fixture = new TransportFixture(reactor: true);
        TcpClient client = fixture.Connect();
        await client.GetStream().WriteAsync(Frame(Echo), TestContext.Current.CancellationToken);
        await ReadFrameAsync(client);   // it was accepted

        byte[] name = new byte[16];
        int length = name.Length;
        Assert.Equal(0, getsockopt(((ReactorConnection)fixture.Handlers[0].Connection).Fd, Tcp, Congestion, name, ref length));
        Assert.Equal("reno", Encoding.ASCII.GetString(name, 0, length).TrimEnd('\0'));
    }

    [Fact]
    public async Task Reactor_PeerClosesWhileParked_IsNoticedAtOnce()
    {
        using var fixture = new TransportFixture(reactor: true);
        TcpClient client = fixture.Connect();
        await client.GetStream().WriteAsync(Frame(Park, 4), TestContext.Current.CancellationToken);
        while (fixture.Handlers.Count == 0)
        {
            await Task.Yield();
        }
        await fixture.Handlers[0].Parked.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        client.Client.Shutdown(SocketShutdown.Send);
        await fixture.Handlers[0].Closed.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.Equal(1, fixture.Handlers[0].PeerClosings);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task HandOver_FrameKeptByAnotherThread_KeepsItsBytes(bool reactor)
    {
        using var fixture = new TransportFixture(reactor);
        TcpClient client = fixture.Connect();
        for (int i = 0; i < 50; i++)
        {
            int size = 500 * (i + 1);
            await client.GetStream().WriteAsync((byte[])[.. Frame(HandOver, size), .. Frame(Echo, 7)], TestContext.Current.CancellationToken);
            Assert.Equal(Frame(HandOver, size)[4..], await ReadFrameAsync(client));
            Assert.Equal(7, (await ReadFrameAsync(client)).Length);
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task Close_AfterAnswer_AnswerArrivesFirst(bool reactor)
    {
        using var fixture = new TransportFixture(reactor);
        TcpClient client = fixture.Connect();
        await client.GetStream().WriteAsync(Frame(Close, 100_000), TestContext.Current.CancellationToken);
        Assert.Equal(100_000, (await ReadFrameAsync(client)).Length);
        Assert.True(await IsClosedAsync(client));
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task CloseIfQuiet_WhileAFrameIsParkedOrHalfThere_DoesNothing_ThenCloses(bool reactor)
    {
        using var fixture = new TransportFixture(reactor);
        TcpClient client = fixture.Connect();
        await client.GetStream().WriteAsync(Frame(Park), TestContext.Current.CancellationToken);
        while (fixture.Handlers.Count == 0)
        {
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        Handler handler = fixture.Handlers[0];
        await handler.Parked;
        await handler.CloseIfQuietAsync();
        Assert.False(handler.Closed.IsCompleted);
        handler.Unpark(Frame(Echo, 3));
        Assert.Equal(4 + 3, (await ReadFrameAsync(client)).Length);

        byte[] echo = Frame(Echo, 9);
        await client.GetStream().WriteAsync(echo.AsMemory(0, 6), TestContext.Current.CancellationToken);
        await handler.CloseIfQuietAsync();   // read or not: it has come
        await client.GetStream().WriteAsync(echo.AsMemory(6), TestContext.Current.CancellationToken);
        Assert.Equal(echo[4..], await ReadFrameAsync(client));

        for (Task closed = IsClosedAsync(client); !closed.IsCompleted; await Task.Delay(1, TestContext.Current.CancellationToken))
        {
            await handler.CloseIfQuietAsync();   // the transport may not have sent its last answer when it has arrived
        }
        Assert.Equal("test", await handler.Closed);
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task File_SentToSlowReader_ArrivesWholeAndIsReleased(bool reactor)
    {
        string path = Path.GetTempFileName();
        try
        {
            byte[] content = new byte[6 * 1024 * 1024];
            new Random(1).NextBytes(content);
            await File.WriteAllBytesAsync(path, content, TestContext.Current.CancellationToken);
            using var fixture = new TransportFixture(reactor) { FileToSend = PhysicalDisk.Instance.Open(path) };
            TcpClient client = fixture.Connect();
            // Several answers at once: the socket fills up, and what follows waits its turn.
            await client.GetStream().WriteAsync(
                (byte[])[.. Frame(SendFile), .. Frame(Echo, 11), .. Frame(SendFile)], TestContext.Current.CancellationToken);
            for (int i = 0; i < 3; i++)
            {
                byte[] answer = await ReadFrameAsync(client);
                Assert.Equal(i == 1 ? 11 : content.Length + 2 + 4, answer.Length);
                if (i != 1)
                {
                    Assert.True(answer.AsSpan(5, content.Length).SequenceEqual(content));
                    Assert.Equal(2, answer[^1]);
                }
            }
        }
        finally
        {
            System.IO.File.Delete(path);
        }
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task PeerThatDoesNotRead_IsHeldBackAndHoldsNobodyUp(bool reactor)
    {
        using var fixture = new TransportFixture(reactor);
        TcpClient deaf = fixture.Connect();
        deaf.Client.ReceiveBufferSize = 8 * 1024;
        using var sending = new CancellationTokenSource();
        byte[] frame = Frame(Echo, 500_000);
        long written = 0;
        Task writer = Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    await deaf.GetStream().WriteAsync(frame, sending.Token);
                    Interlocked.Add(ref written, frame.Length);
                }
            }
            catch (OperationCanceledException)
            {
                // the end of the test
            }
        }, TestContext.Current.CancellationToken);
        TcpClient quick = fixture.Connect();
        for (int i = 0; i < 2_000; i++)
        {
            await quick.GetStream().WriteAsync(Frame(Echo, 10), TestContext.Current.CancellationToken);
            Assert.Equal(10, (await ReadFrameAsync(quick)).Length);
        }
        Assert.InRange(Interlocked.Read(ref written), 0, 64L * 1024 * 1024);
        await sending.CancelAsync();
        await writer;
    }

    [Theory]
    [MemberData(nameof(Both))]
    public async Task SendFile_ThatCannotBeRead_CostsTheConnectionAndIsToldOf(bool reactor)
    {
        var told = new TaskCompletionSource<(string Path, string Reason)>(TaskCreationOptions.RunContinuationsAsynchronously);
        var disk = new FaultingDisk { ["/logs/t-0/0.log"] = new byte[1000] };
        disk.OnRead = (_, _) => throw new IOException("Input/output error");
        using var fixture = new TransportFixture(
            reactor, o => o with { ReadFailed = (path, error) => told.TrySetResult((path, error.Message)) })
        { FileToSend = disk.Open("/logs/t-0/0.log") };
        TcpClient client = fixture.Connect();
        await client.GetStream().WriteAsync(Frame(SendFile), TestContext.Current.CancellationToken);

        Assert.Equal(("/logs/t-0/0.log", "Input/output error"), await told.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken));
        while (!await IsClosedAsync(client))
        {
            // what was sent before
        }
        TcpClient next = fixture.Connect();   // the others are served
        await next.GetStream().WriteAsync(Frame(Echo), TestContext.Current.CancellationToken);
        Assert.Single(await ReadFrameAsync(next));
    }

    [LibraryImport("libc")]
    private static partial int getsockopt(int fd, int level, int name, [Out] byte[] value, ref int length);
}
