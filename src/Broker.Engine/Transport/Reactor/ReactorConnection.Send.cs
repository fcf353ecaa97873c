using System.Runtime.InteropServices;
using Broker.Engine.Storage.Files;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Wire;
using Microsoft.Win32.SafeHandles;

namespace Broker.Engine.Transport.Reactor;

/// <summary>
/// Sending. What a callback wrote goes out in one send; regions of files follow with sendfile, never through managed
/// memory. What the socket does not take waits here, and while it waits nothing more is received: that is the backpressure.
/// </summary>
internal sealed unsafe partial class ReactorConnection
{
    /// <summary>Answers of one connection gathered before they are sent; more frames may follow in the same round.</summary>
    private const int OutputBytesMax = 256 * 1024;

    /// <summary>Bytes of files that one connection sends before the others of its reactor have their turn: a socket whose
    /// reader keeps up takes them without end.</summary>
    private const int TurnBytes = 256 * 1024;

    private OutPiece[] _pending = [];
    private int _pendingFirst;
    private int _pendingCount;
    private string? _closeReason;
    private long _turnLeft;

    /// <summary>Bytes in a buffer of their own, or a region of a file.</summary>
    private struct OutPiece
    {
        public ReceiveBuffer? Buffer;
        public FileRegion? Region;
        public long At;
        public long Left;
    }

    private bool HasPending => _pendingCount > 0;

    public override void Flush()
    {
        if (!_receiving)
        {
            FlushOutput();
        }
    }

    /// <summary>Sends what the callbacks of this connection wrote.</summary>
    private void FlushOutput()
    {
        KafkaWriter output = _reactor.Output;
        if (output.Length == 0)
        {
            return;
        }
        if (_closed)
        {
            ReleaseSplices(output, 0);
        }
        else
        {
            SendOutput(output);
            if (!HasPending)
            {
                _handler!.OnSent();
            }
        }
        output.Reset();
    }

    private void SendOutput(KafkaWriter output)
    {
        int sent = 0;
        _turnLeft = TurnBytes;
        for (int i = 0; i <= output.Splices.Count; i++)
        {
            bool last = i == output.Splices.Count;
            int end = last ? output.Position : output.Splices[i].At;
            while (sent < end && !HasPending)
            {
                nint n = SendBytes(output.Buffer, sent, end - sent, more: !last);
                if (n < 0)
                {
                    ReleaseSplices(output, i);
                    return;
                }
                sent += (int)n;
                if (sent < end && n == 0)
                {
                    break;
                }
            }
            if (sent < end)
            {
                Enqueue(output.Buffer.AsSpan(sent, end - sent));
                sent = end;
            }
            if (!last && !SendOrEnqueue(output.Splices[i]))
            {
                ReleaseSplices(output, i + 1);
                return;
            }
        }
        if (HasPending)
        {
            SetInterest((_interest | Native.EpollOut) & ~(uint)Native.EpollIn);
        }
    }

    /// <summary>Sends; 0 when the socket is full, -1 after closing the connection.</summary>
    private nint SendBytes(byte[] from, int at, int count, bool more)
    {
        fixed (byte* bytes = from)
        {
            while (true)
            {
                nint n = Native.send(Fd, bytes + at, count, Native.MsgNosignal | (more ? Native.MsgMore : 0));
                if (n >= 0)
                {
                    return n;
                }
                int error = Marshal.GetLastPInvokeError();
                if (error == Native.Eagain)
                {
                    return 0;
                }
                if (error != Native.Eintr)
                {
                    Close($"send failed with errno {error}");
                    return -1;
                }
            }
        }
    }

    private bool SendOrEnqueue(in RecordsSplice splice)
    {
        var region = (FileRegion)splice.Region;
        var piece = new OutPiece { Region = region, At = splice.Position, Left = splice.Length };
        if (!HasPending)
        {
            bool whole = SendRegion(ref piece);
            if (_closed || whole)
            {
                region.ReleaseReference();
                return !_closed;
            }
        }
        Enqueue(piece);
        return true;
    }

    /// <summary>Sends of a region what the socket and the turn take; true when it is all out.</summary>
    private bool SendRegion(ref OutPiece piece)
    {
        SafeFileHandle? handle;
        try
        {
            handle = piece.Region!.Handle;
        }
        catch (IOException e)
        {
            return CloseUnread(piece.Region!, e);
        }
        if (handle is null)
        {
            return SendRegionByReading(ref piece);
        }
        while (piece.Left > 0)
        {
            if (_turnLeft <= 0)
            {
                return false;
            }
            long at = piece.At;
            nint n = Native.sendfile(Fd, (int)handle.DangerousGetHandle(), &at, (nint)Math.Min(piece.Left, _turnLeft));
            if (n > 0)
            {
                piece.At += n;
                piece.Left -= n;
                _turnLeft -= n;
                continue;
            }
            int error = n == 0 ? 0 : Marshal.GetLastPInvokeError();
            if (error == Native.Eagain)
            {
                return false;
            }
            if (Native.IsOfAFile(error))
            {
                return CloseUnread(piece.Region, new IOException($"sending from {piece.Region.Path} failed with errno {error}"));
            }
            if (error != Native.Eintr)
            {
                // A short file cannot happen while the reference is held; if it does, the stream is broken.
                Close(n == 0 ? "a log file is shorter than its index says" : $"sendfile failed with errno {error}");
                return false;
            }
        }
        return true;
    }

    /// <summary>The disk does not give what the log holds: the log directory hears of it, and the stream is broken.</summary>
    private bool CloseUnread(FileRegion region, IOException error)
    {
        _reactor.ReadFailed?.Invoke(region.Path, error);
        Close($"a log file cannot be read: {error.Message}");
        return false;
    }

    private bool SendRegionByReading(ref OutPiece piece)
    {
        ReceiveBuffer buffer = Pool.Rent(64 * 1024, isRequest: false);
        try
        {
            while (piece.Left > 0)
            {
                if (_turnLeft <= 0)
                {
                    return false;
                }
                int n = piece.Region!.Read(buffer.Array.AsSpan(0, (int)Math.Min(buffer.Length, piece.Left)), piece.At);
                nint sent = n == 0 ? -1 : SendBytes(buffer.Array, 0, n, more: piece.Left > n);
                if (sent < 0)
                {
                    Close("a log file is shorter than its index says");
                    return false;
                }
                piece.At += sent;
                piece.Left -= sent;
                _turnLeft -= sent;
                if (sent < n)
                {
                    return false;
                }
            }
            return true;
        }
        catch (IOException e)
        {
            return CloseUnread(piece.Region!, e);
        }
        finally
        {
            buffer.Release();
        }
    }

    private void Enqueue(ReadOnlySpan<byte> bytes)
    {
        ReceiveBuffer buffer = Pool.Rent(bytes.Length, isRequest: false);
        bytes.CopyTo(buffer.Array);
        Enqueue(new OutPiece { Buffer = buffer, Left = bytes.Length });
    }

    private void Enqueue(OutPiece piece)
    {
        if (_pendingFirst + _pendingCount == _pending.Length)
        {
            var larger = new OutPiece[Math.Max(4, _pendingCount * 2)];
            Array.Copy(_pending, _pendingFirst, larger, 0, _pendingCount);
            _pending = larger;
            _pendingFirst = 0;
        }
        _pending[_pendingFirst + _pendingCount++] = piece;
    }

    /// <summary>The socket takes more.</summary>
    private void SendPending()
    {
        _turnLeft = TurnBytes;
        while (_pendingCount > 0)
        {
            ref OutPiece piece = ref _pending[_pendingFirst];
            bool whole = piece.Region is null ? SendBuffer(ref piece) : SendRegion(ref piece);
            if (_closed || !whole)
            {
                return;
            }
            Release(ref piece);
            _pendingFirst++;
            _pendingCount--;
        }
        _pendingFirst = 0;
        _handler!.OnSent();
        SetInterest(_interest & ~(uint)Native.EpollOut);
        if (_closeReason is { } reason)
        {
            Close(reason);
            return;
        }
        DeliverBuffered();
    }

    private bool SendBuffer(ref OutPiece piece)
    {
        nint n = SendBytes(piece.Buffer!.Array, (int)piece.At, (int)piece.Left, more: _pendingCount > 1);
        if (n < 0)
        {
            return false;
        }
        piece.At += n;
        piece.Left -= n;
        return piece.Left == 0;
    }

    private void CloseAfterSending(string reason)
    {
        if (HasPending)
        {
            _closeReason = reason;
        }
        else
        {
            Close(reason);
        }
    }

    private static void Release(ref OutPiece piece)
    {
        piece.Buffer?.Release();
        piece.Region?.ReleaseReference();
        piece = default;
    }

    private static void ReleaseSplices(KafkaWriter output, int from)
    {
        for (int i = from; i < output.Splices.Count; i++)
        {
            ((FileRegion)output.Splices[i].Region).ReleaseReference();
        }
    }

    private void DropPending()
    {
        for (int i = 0; i < _pendingCount; i++)
        {
            Release(ref _pending[_pendingFirst + i]);
        }
        _pendingCount = 0;
    }
}
