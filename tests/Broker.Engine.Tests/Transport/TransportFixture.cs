using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Broker.Engine.Timing;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;
using Broker.Engine.Transport.Reactor;
using Broker.Engine.Transport.Sockets;
using Broker.Protocol.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Transport;

/// <summary>A transport that answers frames by what their first byte says, and clients for it.</summary>
internal sealed class TransportFixture : IDisposable
{
    public const byte Echo = (byte)'e';
    public const byte Park = (byte)'p';
    public const byte Close = (byte)'c';
    public const byte SendFile = (byte)'f';
    public const byte HandOver = (byte)'h';
    public const byte Move = (byte)'m';

    private readonly List<TcpClient> _clients = [];

    public TransportFixture(bool reactor, Func<TransportOptions, TransportOptions>? change = null)
    {
        var options = new TransportOptions
        {
            Name = "test",
            NetworkThreads = 2,
            Listeners = [new ListenerOptions("PLAINTEXT", new IPEndPoint(IPAddress.Loopback, 0), 50)],
            FrameBytesMax = 8 * 1024 * 1024,
        };
        options = change?.Invoke(options) ?? options;
        var clock = new MonotonicClock(TimeProvider.System);
        Transport = reactor
            ? new ReactorTransport(options, clock, NullLogger.Instance)
            : new SocketTransport(options, clock, NullLogger.Instance);
        Transport.Bind();
        Transport.Start(c =>
        {
            var handler = new Handler(this, c);
            lock (Handlers)
            {
                Handlers.Add(handler);
            }
            return handler;
        });
    }

    public ITransport Transport { get; }

    public List<Handler> Handlers { get; } = [];

    public Broker.Engine.Storage.Files.DiskFile? FileToSend { get; set; }

    public int Port => Transport.EndPoints[0].Port;

    public TcpClient Connect()
    {
        var client = new TcpClient();
        client.Connect(IPAddress.Loopback, Port);
        client.NoDelay = true;
        _clients.Add(client);
        return client;
    }

    public static byte[] Frame(byte kind, int length = 1)
    {
        byte[] frame = new byte[4 + length];
        BinaryPrimitives.WriteInt32BigEndian(frame, length);
        new Random(length).NextBytes(frame.AsSpan(4));
        frame[4] = kind;
        return frame;
    }

    public static async Task<byte[]> ReadFrameAsync(TcpClient client)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        byte[] length = new byte[4];
        await client.GetStream().ReadExactlyAsync(length, timeout.Token);
        byte[] body = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        await client.GetStream().ReadExactlyAsync(body, timeout.Token);
        return body;
    }

    public static async Task<bool> IsClosedAsync(TcpClient client)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            return await client.GetStream().ReadAsync(new byte[1], timeout.Token) == 0;
        }
        catch (IOException)
        {
            return true;   // reset
        }
    }

    public void Dispose()
    {
        _clients.ForEach(c => c.Dispose());
        Transport.Dispose();
    }

    /// <summary>The server's side of a connection.</summary>
    internal sealed class Handler(TransportFixture fixture, TransportConnection connection) : IConnectionHandler
    {
        private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _parked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly HashSet<int> _threads = [];

        public TransportConnection Connection => connection;

        public Task<string> Closed => _closed.Task;

        public Task Parked => _parked.Task;

        public int PeerClosings { get; private set; }

        public IReadOnlyCollection<int> Threads => _threads;

        public bool IsIdle => true;

        public FrameVerdict OnFrame(ReceiveBuffer buffer, int offset, int length)
        {
            _threads.Add(Environment.CurrentManagedThreadId);
            ReadOnlySpan<byte> body = buffer.Array.AsSpan(offset, length);
            switch (length == 0 ? Echo : body[0])
            {
                case Park:
                    _parked.TrySetResult();
                    return FrameVerdict.Pause;
                case Close:
                    Answer(body);
                    return FrameVerdict.Close;
                case SendFile:
                    AnswerFromFile();
                    return FrameVerdict.Next;
                case HandOver:
                    buffer.AddReference();
                    ThreadPool.QueueUserWorkItem(_ => connection.Post(new Later(this, buffer, offset, length)));
                    return FrameVerdict.Pause;
                case Move:
                    fixture.Transport.Migrate(connection, 1 - connection.NetworkThread);
                    Answer(body);
                    return FrameVerdict.Next;
                default:
                    Answer(body);
                    return FrameVerdict.Next;
            }
        }

        /// <summary>Answers a parked frame.</summary>
        public void Unpark(byte[] answer) => connection.Post(new Later(this, answer));

        /// <summary>Completes when the connection's thread has looked.</summary>
        public Task CloseIfQuietAsync()
        {
            var look = new Look(connection);
            connection.Post(look);
            return look.Done;
        }

        private void Answer(ReadOnlySpan<byte> body)
        {
            connection.Output.WriteInt32(body.Length);
            connection.Output.WriteRaw(body);
        }

        private void AnswerFromFile()
        {
            Broker.Engine.Storage.Files.DiskFile file = fixture.FileToSend!;
            Assert.True(file.TryAddReference());
            int length = (int)file.Length;
            connection.Output.WriteInt32(1 + 4 + length + 1);
            connection.Output.WriteInt8(1);
            connection.Output.WriteRecords(new Records(file, 0, length), flexible: false);
            connection.Output.WriteInt8(2);
        }

        public void OnSent() { }

        public void OnPeerClosing()
        {
            PeerClosings++;
            connection.Resume();
        }

        public void OnClosed(string reason) => _closed.TrySetResult(reason);

        private sealed class Look(TransportConnection connection) : ConnectionWork
        {
            private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

            public Task Done => _done.Task;

            protected internal override void Run()
            {
                connection.CloseIfQuiet("test");
                _done.SetResult();
            }
        }

        private sealed class Later : ConnectionWork
        {
            private readonly Handler _handler;
            private readonly ReceiveBuffer? _buffer;
            private readonly ReadOnlyMemory<byte> _answer;

            public Later(Handler handler, ReceiveBuffer buffer, int offset, int length)
            {
                (_handler, _buffer, _answer) = (handler, buffer, buffer.Array.AsMemory(offset, length));
            }

            public Later(Handler handler, byte[] answer) => (_handler, _answer) = (handler, answer);

            protected internal override void Run()
            {
                _handler.Answer(_answer.Span);
                _buffer?.Release();
                _handler.Resume();
            }
        }

        private void Resume() => connection.Resume();
    }
}
