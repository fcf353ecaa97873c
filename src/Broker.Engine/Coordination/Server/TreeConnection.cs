using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Broker.Engine.Coordination.Jute;
using Broker.Protocol.Wire;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Coordination.Server;

/// <summary>A connection that speaks ZooKeeper's protocol: a word of four letters, or a session. Requests are carried out one
/// after the other. Thread-safe where it says so.</summary>
internal sealed partial class TreeConnection
{
    private readonly Lock _lock = new();
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private readonly CancellationTokenSource _closing;
    private readonly TreeServer _server;
    private readonly Socket _socket;
    private readonly ILogger _logger;
    private JuteWriter _unsent = new();
    private JuteWriter _sending = new();
    private bool _closeOnceSent;
    private long _received;
    private long _sent;
    private (OpCode Code, int Xid, long Zxid, long Ms, TimeSpan At) _last;

    public TreeConnection(TreeServer server, Socket socket, ILogger logger)
    {
        _server = server;
        _socket = socket;
        _logger = logger;
        _closing = CancellationTokenSource.CreateLinkedTokenSource(server.Stopping);
        Remote = (IPEndPoint)socket.RemoteEndPoint!;
        EstablishedAt = server.Time.GetUtcNow();
        Identity = new ServedIdentity(Address.IsIPv4MappedToIPv6 ? Address.MapToIPv4() : Address, server.Options.SuperDigest);
    }

    public IPEndPoint Remote { get; }

    public IPAddress Address => Remote.Address;

    /// <summary>Its session, once it has asked for one.</summary>
    public ServedSession? Session { get; private set; }

    public DateTimeOffset EstablishedAt { get; }

    /// <summary>The last request, its number, the tree's transaction then, how long it took, and when that was.</summary>
    public (OpCode Code, int Xid, long Zxid, long Ms, TimeSpan At) Last => _last;

    /// <summary>How long its requests took.</summary>
    public LatencyFigures Latency { get; } = new();

    /// <summary>Packets received, packets sent.</summary>
    public (long Received, long Sent) Packets => (Interlocked.Read(ref _received), Interlocked.Read(ref _sent));

    /// <summary>Begins to count anew, as ZooKeeper's crst has it.</summary>
    public void ResetFigures()
    {
        Interlocked.Exchange(ref _received, 0);
        Interlocked.Exchange(ref _sent, 0);
        Latency.Reset();
    }

    /// <summary>Serves until the connection ends. Never fails.</summary>
    public async Task RunAsync()
    {
        Task writing = Task.CompletedTask;
        try
        {
            using var stream = new NetworkStream(_socket, ownsSocket: true);
            writing = WriteAsync(stream);
            await ReadAsync(stream).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or SocketException)
        {
            // the client is gone, or was sent away
        }
        catch (MalformedRequestException e)
        {
            LogMalformed(Remote, e.Message);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogFailed(Remote, e);
        }
        finally
        {
            Close();
            await writing.ConfigureAwait(false);
            _server.Remove(this);
            _closing.Dispose();
        }
    }

    private async Task ReadAsync(NetworkStream stream)
    {
        var packets = new PacketReader(stream, TreeServerOptions.RequestBytesMax);
        using (var late = new CancellationTokenSource(_server.Options.HandshakeMax, _server.Time))
        using (CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, _closing.Token))
        {
            if (await packets.PeekInt32Async(either.Token).ConfigureAwait(false) is not { } first)
            {
                return;
            }
            if (FourLetterWords.Word(first) is { } word)
            {
                OnReceived(sizeof(int));
                byte[] answer = FourLetterWords.Answer(word, _server);
                _server.Figures.OnSent(0);
                await stream.WriteAsync(answer, either.Token).ConfigureAwait(false);
                return;
            }
            if (await packets.ReadAsync(either.Token).ConfigureAwait(false) is not { } packet || !await OpenAsync(packet).ConfigureAwait(false))
            {
                await FlushAsync().ConfigureAwait(false);
                return;
            }
        }
        while (await packets.ReadAsync(_closing.Token).ConfigureAwait(false) is { } packet)
        {
            OnReceived(packet.Length);
            if (!await CarryOutAsync(packet).ConfigureAwait(false))
            {
                await FlushAsync().ConfigureAwait(false);
                return;
            }
        }
    }

    private void OnReceived(int bytes)
    {
        _server.Figures.OnReceived(bytes);
        Interlocked.Increment(ref _received);
    }

    private async ValueTask<bool> OpenAsync(ReadOnlyMemory<byte> packet)
    {
        OnReceived(packet.Length);
        _server.Figures.OnHandshake();
        ConnectRequest request = ConnectRequest.Read(packet.Span);
        if (request.LastZxid > _server.Store.Zxid)
        {
            LogAhead(Remote, request.LastZxid, _server.Store.Zxid);
            return false;
        }
        ServedSession? session = await _server.OpenAsync(request, this).ConfigureAwait(false);
        Session = session;
        ConnectResponse response = session is null
            ? new ConnectResponse(0, 0, new byte[ConnectRequest.PasswordBytes], false)
            : new ConnectResponse((int)session.Session.Timeout.TotalMilliseconds, session.Id, session.Password, false);
        Send(writer => response.Write(writer, isOld: request.IsOld));
        return session is not null;
    }

    /// <summary>Sends an event. Thread-safe; called under the store's gate.</summary>
    public void SendEvent(KeeperEvent what, string path) => Send(writer =>
    {
        WriteHeader(writer, Xid.Notification, -1, 0);
        writer.WriteInt32((int)what);
        writer.WriteInt32(ConnectedState);
        writer.WriteString(path);
    });

    /// <summary>The state of the connection that events tell of: SyncConnected.</summary>
    private const int ConnectedState = 3;

    private static void WriteHeader(JuteWriter writer, int xid, long zxid, int code)
    {
        writer.WriteInt32(xid);
        writer.WriteInt64(zxid);
        writer.WriteInt32(code);
    }

    private void Send(Action<JuteWriter> body)
    {
        int bytes;
        lock (_lock)
        {
            int frame = _unsent.BeginFrame();
            body(_unsent);
            _unsent.EndFrame(frame);
            bytes = _unsent.Length - frame;
            if (_unsent.Length > TreeServerOptions.UnsentBytesMax)
            {
                LogSlow(Remote);
                _unsent = new JuteWriter();
                Close();
            }
        }
        _server.Figures.OnSent(bytes);
        Interlocked.Increment(ref _sent);
        _wake.Writer.TryWrite(true);
    }

    private async Task WriteAsync(NetworkStream stream)
    {
        try
        {
            while (true)
            {
                await _wake.Reader.ReadAsync(_closing.Token).ConfigureAwait(false);
                bool last;
                lock (_lock)
                {
                    (_unsent, _sending) = (_sending, _unsent);
                    _unsent.Clear();
                    last = _closeOnceSent;
                }
                if (_sending.Length > 0)
                {
                    await stream.WriteAsync(_sending.Written, _closing.Token).ConfigureAwait(false);
                }
                if (last)
                {
                    Close();
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or ChannelClosedException)
        {
            Close();
        }
    }

    /// <summary>Waits until what is to be sent is, and the connection closed.</summary>
    private async Task FlushAsync()
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (_closing.Token.UnsafeRegister(_ => closed.TrySetResult(), null).ConfigureAwait(false))
        {
            CloseOnceSent();
            await closed.Task.ConfigureAwait(false);
        }
    }

    /// <summary>Ends the connection once everything was sent. Thread-safe.</summary>
    public void CloseOnceSent()
    {
        lock (_lock)
        {
            _closeOnceSent = true;
        }
        _wake.Writer.TryWrite(true);
    }

    /// <summary>Ends the connection. Thread-safe.</summary>
    public void Close()
    {
        try
        {
            _closing.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // ended before
        }
    }

    [LoggerMessage(7073, LogLevel.Warning, "{Remote} sent to the served tree what cannot be read: {Reason}", EventName = "TreeMalformed")]
    private partial void LogMalformed(IPEndPoint remote, string reason);

    [LoggerMessage(7074, LogLevel.Error, "a request of {Remote} to the served tree failed", EventName = "TreeFailed")]
    private partial void LogFailed(IPEndPoint remote, Exception exception);

    [LoggerMessage(7075, LogLevel.Warning, "{Remote} has seen transaction 0x{Seen:x}, and the tree is at 0x{Zxid:x}: another tree than before? It is refused", EventName = "TreeBehind")]
    private partial void LogAhead(IPEndPoint remote, long seen, long zxid);

    [LoggerMessage(7076, LogLevel.Warning, "{Remote} does not take what the served tree answers; its connection ends", EventName = "TreeSlowClient")]
    private partial void LogSlow(IPEndPoint remote);
}
