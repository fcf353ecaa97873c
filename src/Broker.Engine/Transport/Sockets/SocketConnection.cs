using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Broker.Engine.Storage.Files;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Wire;

namespace Broker.Engine.Transport.Sockets;

/// <summary>
/// One accepted socket, served by whichever pool thread holds its gate: callbacks and posted work run under it, one at a
/// time. One loop receives and sends in turn, so that a peer that does not read is not read either.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The loop disposes of what it owns as it ends.")]
internal sealed class SocketConnection : TransportConnection
{
    private const int FileBlockBytes = 64 * 1024;
    private const int TrustedBytes = 2 * 1024 * 1024;

    private readonly object _gate = new();
    private readonly SocketTransport _transport;
    private readonly Socket _socket;
    private readonly WorkQueue _work = new();
    private readonly SemaphoreSlim _signal = new(0);
    private readonly KafkaWriter _output = new(512);
    private readonly CancellationTokenSource _closing = new();
    private IConnectionHandler? _handler;
    private ReceiveBuffer? _buffer;
    private int _start;
    private int _end;
    private bool _paused;
    private int _signalled;
    private string? _closeReason;
    private Task<int>? _receiving;
    private bool _ended;

    internal SocketConnection(SocketTransport transport, Socket socket, string listener, IPEndPoint local, IPEndPoint remote)
        : base(listener, local, remote)
    {
        _transport = transport;
        _socket = socket;
        LastActiveMs = transport.Clock.NowMs;
    }

    internal long LastActiveMs { get; private set; }

    /// <summary>Completes when the connection is closed and its handler told.</summary>
    internal Task Ended { get; private set; } = Task.CompletedTask;

    public override int NetworkThread => 0;

    public override KafkaWriter Output => _output;

    public override bool IsCurrentThread => Monitor.IsEntered(_gate);

    internal void Start(IConnectionHandler handler)
    {
        _handler = handler;
        Ended = Task.Run(RunAsync);
    }

    public override void Post(ConnectionWork work)
    {
        _work.Push(work);
        if (Volatile.Read(ref _ended))
        {
            lock (_gate)
            {
                RunWork();   // nobody else will
            }
        }
        else
        {
            Nudge();
        }
    }

    /// <summary>Makes the loop look at posted work, memory and closing.</summary>
    internal void Nudge()
    {
        if (Interlocked.Exchange(ref _signalled, 1) == 0)
        {
            _signal.Release();
        }
    }

    public override void Flush() { }   // the loop sends after every callback

    public override void Resume() => _paused = false;

    public override void CloseIfQuiet(string reason)
    {
        // In this order: a receive takes from the socket first, and is complete then.
        if (!_ended && !_paused && _start == _end && _output.Length == 0 && _socket.Available == 0 && _receiving is not { IsCompleted: true })
        {
            RequestClose(reason);
        }
    }

    public override void RequestClose(string reason)
    {
        Interlocked.CompareExchange(ref _closeReason, reason, null);
        _closing.Cancel();
        Nudge();
    }

    private async Task RunAsync()
    {
        string reason = "closed by the broker";
        try
        {
            await LoopAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            reason = e.Message;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            reason = "an error in the broker";
            _transport.LogFailed(e);
        }
        finally
        {
            _socket.Dispose();
            if (_receiving is { } receiving)
            {
                // The kernel may still write into the buffer until this ends.
                await ((Task)receiving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            lock (_gate)
            {
                RunWork();
                _handler!.OnClosed(_closeReason ?? reason);
                Volatile.Write(ref _ended, true);
                Interlocked.MemoryBarrier();
                RunWork();
                ReleaseSplices(0);
            }
            _buffer?.Release();
            // The source and the semaphore are left to the collector: whoever closes or nudges late must not find them disposed of.
            _transport.Ended(this);
        }
    }

    private async Task LoopAsync()
    {
        Task? waiting = null;
        while (_closeReason is null)
        {
            bool mayReceive;
            bool close;
            lock (_gate)
            {
                RunWork();
                close = Deliver(mayRelease: _receiving is null);
                mayReceive = !_paused && !close && (_transport.Pool.HasRoom || _buffer is not null);
            }
            await SendAsync().ConfigureAwait(false);
            _handler!.OnSent();
            if (close)
            {
                return;
            }
            if (mayReceive)
            {
                _receiving ??= ReceiveAsync();
            }
            waiting ??= _signal.WaitAsync(_closing.Token);
            await (_receiving is null ? waiting : Task.WhenAny(_receiving, waiting)).ConfigureAwait(false);
            if (waiting.IsCompleted)
            {
                Volatile.Write(ref _signalled, 0);
                await waiting.ConfigureAwait(false);
                waiting = null;
            }
            if (_receiving is { IsCompleted: true } receiving)
            {
                _receiving = null;
                int got = await receiving.ConfigureAwait(false);
                if (got == 0)
                {
                    Interlocked.CompareExchange(ref _closeReason, "closed by the peer", null);
                    return;
                }
                _end += got;
                LastActiveMs = _transport.Clock.NowMs;
            }
        }
    }

    private Task<int> ReceiveAsync()
    {
        ReceiveBuffer buffer = _buffer ??= _transport.Pool.Rent(BufferPool.SmallestBytes);
        if (_end == buffer.Length || buffer.IsShared)
        {
            buffer = Grow(buffer);
        }
        return _socket.ReceiveAsync(buffer.Array.AsMemory(_end, buffer.Length - _end), SocketFlags.None, _closing.Token).AsTask();
    }

    /// <summary>A buffer with room behind what has arrived: of the frame's size, but no faster than its bytes come.</summary>
    private ReceiveBuffer Grow(ReceiveBuffer buffer)
    {
        int rest = _end - _start;
        long wanted = rest >= 4 ? 4L + BinaryPrimitives.ReadInt32BigEndian(buffer.Array.AsSpan(_start)) : rest;
        int size = (int)Math.Max(Math.Min(wanted, Math.Max(TrustedBytes, rest * 2L)), Math.Max(rest + 1, 16 * 1024));
        ReceiveBuffer larger = _transport.Pool.Rent(size);
        buffer.Array.AsSpan(_start, rest).CopyTo(larger.Array);
        buffer.Release();
        _buffer = larger;
        _start = 0;
        _end = rest;
        return larger;
    }

    /// <summary>Works on the frames that are whole; true when the connection is to be closed after sending.</summary>
    private bool Deliver(bool mayRelease)
    {
        while (!_paused && _buffer is { } buffer && _end - _start >= 4)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(buffer.Array.AsSpan(_start));
            if (length < 0 || length > _transport.Options.FrameBytesMax)
            {
                Interlocked.CompareExchange(
                    ref _closeReason,
                    $"a frame of {length} bytes, where socket.request.max.bytes is {_transport.Options.FrameBytesMax}", null);
                return true;
            }
            if (_end - _start - 4 < length)
            {
                break;
            }
            int at = _start + 4;
            _start = at + length;
            FrameVerdict verdict = _handler!.OnFrame(buffer, at, length);
            _paused = verdict == FrameVerdict.Pause;
            if (verdict == FrameVerdict.Close)
            {
                return true;
            }
        }
        if (mayRelease && _start == _end && _buffer is not null)
        {
            _buffer.Release();
            _buffer = null;
            _start = _end = 0;
        }
        return false;
    }

    private void RunWork()
    {
        ConnectionWork? work = _work.TakeAll();
        while (work is not null)
        {
            ConnectionWork? next = work.NextWork;
            work.NextWork = null;
            work.Run();
            work = next;
        }
    }

    private async Task SendAsync()
    {
        int sent = 0;
        int released = 0;
        try
        {
            for (int i = 0; i <= _output.Splices.Count; i++)
            {
                int end = i < _output.Splices.Count ? _output.Splices[i].At : _output.Position;
                await SendBytesAsync(_output.Buffer.AsMemory(sent, end - sent)).ConfigureAwait(false);
                sent = end;
                if (i < _output.Splices.Count)
                {
                    RecordsSplice splice = _output.Splices[i];
                    await SendFileAsync((FileRegion)splice.Region, splice.Position, splice.Length).ConfigureAwait(false);
                    ((FileRegion)splice.Region).ReleaseReference();
                    released = i + 1;
                }
            }
        }
        finally
        {
            ReleaseSplices(released);
        }
    }

    private async Task SendBytesAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None, _closing.Token).ConfigureAwait(false)..];
        }
    }

    private async Task SendFileAsync(FileRegion region, long position, int length)
    {
        ReceiveBuffer block = _transport.Pool.Rent(Math.Min(length, FileBlockBytes), isRequest: false);
        try
        {
            while (length > 0)
            {
                int read = ReadFile(region, block.Array.AsSpan(0, Math.Min(length, block.Length)), position);
                if (read == 0)
                {
                    throw new IOException("a log file is shorter than its index says");
                }
                await SendBytesAsync(block.Array.AsMemory(0, read)).ConfigureAwait(false);
                position += read;
                length -= read;
            }
        }
        finally
        {
            block.Release();
        }
    }

    private int ReadFile(FileRegion region, Span<byte> destination, long position)
    {
        try
        {
            return region.Read(destination, position);
        }
        catch (IOException e)
        {
            _transport.Options.ReadFailed?.Invoke(region.Path, e);
            throw;
        }
    }

    private void ReleaseSplices(int from)
    {
        for (int i = from; i < _output.Splices.Count; i++)
        {
            ((FileRegion)_output.Splices[i].Region).ReleaseReference();
        }
        _output.Reset();
    }
}
