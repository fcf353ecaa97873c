using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Broker.Engine.Transport.Buffers;

namespace Broker.Engine.Transport.Reactor;

/// <summary>
/// Receiving. Frames are worked on where they were received: small ones in the reactor's scratch buffer, large ones in a
/// rented buffer of their size, so that produced bytes are copied by the kernel alone. A frame's buffer grows with what has
/// arrived, not with what its length claims.
/// </summary>
internal sealed unsafe partial class ReactorConnection
{
    /// <summary>Rented at once for a frame that announces more; beyond it the buffer doubles as bytes arrive.</summary>
    private const int TrustedBytes = 2 * 1024 * 1024;

    /// <summary>A connection whose last frame was larger receives straight into a buffer of its own.</summary>
    private const int LargeFrameBytes = 64 * 1024;

    private ReceiveBuffer? _buffer;
    private int _start;
    private int _end;
    private int _lastFrameBytes;
    private bool _paused;
    private bool _receiving;
    private bool _starved;

    private void Receive(bool peerClosing, bool gone)
    {
        if (_paused || HasPending)
        {
            HoldBack(peerClosing, gone);
            return;
        }
        if (!Pool.HasRoom && _buffer is null && !peerClosing)
        {
            _starved = true;
            SetInterest(_interest & ~(uint)Native.EpollIn);
            _reactor.WaitForRoom(this);
            return;
        }
        ReceiveBuffer buffer = _buffer ?? RentForReceive();
        if (_end == buffer.Length)
        {
            buffer = Grow(buffer);
        }
        nint got;
        fixed (byte* into = buffer.Array)
        {
            got = Native.recv(Fd, into + _end, ReceiveLimit(buffer), 0);
        }
        if (got <= 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (got < 0 && error is Native.Eagain or Native.Eintr)
            {
                DropIfEmpty(buffer);
                return;
            }
            Close(got == 0 ? "closed by the peer" : $"recv failed with errno {error}");
            return;
        }
        _end += (int)got;
        Deliver(buffer);
    }

    private BufferPool Pool => _reactor.Pool;

    private ReceiveBuffer RentForReceive()
    {
        _start = 0;
        _end = 0;
        return _buffer = _lastFrameBytes > LargeFrameBytes ? Pool.Rent(Math.Min(_lastFrameBytes + 4, TrustedBytes)) : _reactor.Scratch;
    }

    /// <summary>Not beyond the end of a large frame, so that the next one need not be moved to a buffer's front.</summary>
    private nint ReceiveLimit(ReceiveBuffer buffer)
    {
        int room = buffer.Length - _end;
        if (_end - _start < 4)
        {
            return room;
        }
        long wanted = 4L + FrameLength(buffer) - (_end - _start);
        return wanted > LargeFrameBytes ? (nint)Math.Min(wanted, room) : room;
    }

    private int FrameLength(ReceiveBuffer buffer) => BinaryPrimitives.ReadInt32BigEndian(buffer.Array.AsSpan(_start));

    /// <summary>Works on the frames in the buffer, sends the answers, and keeps what is left.</summary>
    private void Deliver(ReceiveBuffer buffer)
    {
        _receiving = true;
        bool close = false;
        string? fault = null;
        while (!close && !_paused && !_closed && _end - _start >= 4)
        {
            int length = FrameLength(buffer);
            if (length < 0 || length > _reactor.FrameBytesMax)
            {
                fault = $"a frame of {length} bytes, where socket.request.max.bytes is {_reactor.FrameBytesMax}";
                break;
            }
            if (_end - _start - 4 < length)
            {
                break;
            }
            int at = _start + 4;
            _start = at + length;
            _lastFrameBytes = length;
            FrameVerdict verdict = _handler!.OnFrame(buffer, at, length);
            close = verdict == FrameVerdict.Close;
            _paused |= verdict == FrameVerdict.Pause;
            if (_reactor.Output.Length > OutputBytesMax)
            {
                FlushOutput();
                if (HasPending)
                {
                    break;
                }
            }
        }
        _receiving = false;
        FlushOutput();
        if (_closed)
        {
            _buffer = null;
            Drop(buffer, buffer == _reactor.Scratch);
            return;
        }
        KeepRest(buffer);
        if (fault is not null || close)
        {
            CloseAfterSending(fault ?? "closed by the broker");
        }
        else
        {
            MaybeMigrate();
        }
    }

    private void KeepRest(ReceiveBuffer buffer)
    {
        int rest = _end - _start;
        bool scratch = buffer == _reactor.Scratch;
        if (rest == 0)
        {
            _buffer = null;
            _start = _end = 0;
            Drop(buffer, scratch);
            return;
        }
        int needed = rest >= 4 ? (int)Math.Min(4L + (uint)FrameLength(buffer), TrustedBytes) : rest;
        // A connection that fills its buffer is busy: room for several frames saves it receives.
        needed = Math.Max(needed, _end > LargeFrameBytes / 2 ? Reactor.ScratchBytes : rest);
        if (!scratch && !buffer.IsShared && buffer.Length - _start >= needed)
        {
            return;   // it fits where it is
        }
        if (!scratch && !buffer.IsShared && buffer.Length >= needed)
        {
            buffer.Array.AsSpan(_start, rest).CopyTo(buffer.Array);
        }
        else
        {
            ReceiveBuffer own = Pool.Rent(needed);
            buffer.Array.AsSpan(_start, rest).CopyTo(own.Array);
            _buffer = own;
            Drop(buffer, scratch);
        }
        _start = 0;
        _end = rest;
    }

    private void Drop(ReceiveBuffer buffer, bool scratch)
    {
        if (!scratch)
        {
            buffer.Release();
        }
        else if (buffer.IsShared)
        {
            _reactor.ReplaceScratch();
        }
    }

    private void DropIfEmpty(ReceiveBuffer buffer)
    {
        if (_end == _start)
        {
            _buffer = null;
            Drop(buffer, buffer == _reactor.Scratch);
        }
    }

    private ReceiveBuffer Grow(ReceiveBuffer buffer)
    {
        int rest = _end - _start;
        long frame = 4L + FrameLength(buffer);
        ReceiveBuffer larger = Pool.Rent((int)Math.Min(frame, Math.Max(TrustedBytes, buffer.Length * 2L)));
        buffer.Array.AsSpan(_start, rest).CopyTo(larger.Array);
        Drop(buffer, buffer == _reactor.Scratch);
        _buffer = larger;
        _start = 0;
        _end = rest;
        return larger;
    }

    /// <summary>Data came while frames are paused or answers unsent: stop asking for it.</summary>
    private void HoldBack(bool peerClosing, bool gone)
    {
        if (gone)
        {
            Close("reset by the peer");   // epoll would report it for ever
            return;
        }
        SetInterest(_interest & ~(uint)(Native.EpollIn | (peerClosing ? Native.EpollRdHup : 0)));
        if (peerClosing)
        {
            _handler!.OnPeerClosing();
        }
    }

    public override void Resume()
    {
        _paused = false;
        if (_closed || _receiving)
        {
            return;
        }
        DeliverBuffered();
    }

    internal void DeliverBuffered()
    {
        if (_closed || _paused || HasPending)
        {
            return;
        }
        if (_migrateTo is not null)
        {
            FlushOutput();
            if (MaybeMigrate())
            {
                return;   // what is buffered is delivered there
            }
        }
        if (_buffer is { } buffer && _end - _start >= 4)
        {
            Deliver(buffer);
        }
        else
        {
            FlushOutput();
        }
        if (!_closed && !_paused && !HasPending)
        {
            SetInterest(_interest | Native.EpollIn | Native.EpollRdHup);
        }
    }

    /// <summary>Memory for requests is to be had again.</summary>
    internal void RoomAgain()
    {
        if (_starved && !_closed)
        {
            _starved = false;
            DeliverBuffered();
        }
    }

    private void DropReceived()
    {
        if (_buffer is { } buffer && !_receiving)
        {
            _buffer = null;
            Drop(buffer, buffer == _reactor.Scratch);
        }
    }
}
