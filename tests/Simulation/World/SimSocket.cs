using System.Buffers.Binary;
using System.Net;
using Broker.Engine.Storage.Files;
using Broker.Engine.Transport;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Wire;

namespace Simulation.World;

/// <summary>The far end of a connection, at a broker. Not thread-safe.</summary>
internal sealed class SimSocket : TransportConnection
{
    private readonly SimTransport _transport;
    private readonly SimConnection _connection;
    private readonly SimWorld _world;
    private readonly KafkaWriter _output = new(512);
    private IConnectionHandler _handler = null!;
    private byte[] _received = [];
    private int _thread;
    private int _migrateTo = -1;
    private bool _paused;
    private bool _delivering;
    private bool _peerClosed;
    private bool _closed;

    public SimSocket(
        SimTransport transport, SimConnection connection, SimWorld world, string listener, int thread, IPEndPoint local, IPEndPoint remote)
        : base(listener, local, remote)
    {
        _transport = transport;
        _connection = connection;
        _world = world;
        _thread = thread;
        connection.FarTag = this;
        connection.FarReset = () => _transport.On(_thread, () => Close("reset by the peer"));
    }

    public override int NetworkThread => _thread;

    public override KafkaWriter Output => _output;

    public override bool IsCurrentThread => _transport.CurrentOwnerThread == _thread;

    public void Start(IConnectionHandler handler) => _handler = handler;

    public void Arrive(byte[] bytes)
    {
        _world.Trace.Add(bytes);
        _received = _received.Length == 0 ? bytes : [.. _received, .. bytes];
        _transport.On(_thread, Deliver);
    }

    public void PeerClosed()
    {
        _peerClosed = true;
        _transport.On(_thread, () =>
        {
            if (_paused)
            {
                _handler.OnPeerClosing();
            }
            else
            {
                Close("closed by the peer");
            }
        });
    }

    private void Deliver()
    {
        if (_delivering)
        {
            return;
        }
        _delivering = true;
        bool close = false;
        int at = 0;
        while (!close && !_paused && !_closed && _received.Length - at >= 4)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(_received.AsSpan(at));
            if (_received.Length - at - 4 < length)
            {
                break;
            }
            ReceiveBuffer buffer = _transport.Pool.Rent(length + 4);
            _received.AsSpan(at, length + 4).CopyTo(buffer.Array);
            at += length + 4;
            FrameVerdict verdict = _handler.OnFrame(buffer, 4, length);
            buffer.Release();
            _paused = verdict == FrameVerdict.Pause;
            close = verdict == FrameVerdict.Close;
        }
        _received = _received[at..];
        _delivering = false;
        Send();
        if (close || (_peerClosed && !_paused))
        {
            Close("closed");
        }
        MaybeMigrate();
    }

    public override void Post(ConnectionWork work) => _transport.Post(_thread, work);

    public override void Flush()
    {
        if (!_delivering)
        {
            Send();
            MaybeMigrate();
        }
    }

    public override void Resume()
    {
        _paused = false;
        if (!_delivering)
        {
            Deliver();
        }
    }

    public override void CloseIfQuiet(string reason)
    {
        if (!_closed && !_paused && !_delivering && _received.Length == 0 && _output.Length == 0)
        {
            Close(reason);
        }
    }

    public override void RequestClose(string reason) => Post(new CloseWork(this, reason));

    public void MigrateSoon(int thread) => _migrateTo = thread;

    private void MaybeMigrate()
    {
        if (_migrateTo >= 0 && !_closed && !_paused && _handler.IsIdle)
        {
            _thread = _migrateTo;
            _migrateTo = -1;
        }
    }

    private void Send()
    {
        if (_output.Length == 0)
        {
            return;
        }
        bool isSent = true;
        if (!_closed && _connection.Tag is SimStream near)
        {
            byte[]? bytes = Gather();
            isSent = bytes is not null;
            if (bytes is not null)
            {
                _connection.SendToNear(() => near.Arrive(bytes));
                _handler.OnSent();
            }
        }
        foreach (RecordsSplice splice in _output.Splices)
        {
            ((FileRegion)splice.Region).ReleaseReference();
        }
        _output.Reset();
        if (!isSent)
        {
            Close("a file cannot be read");
        }
    }

    private bool Read(FileRegion region, Span<byte> destination, long position)
    {
        try
        {
            if (region.Read(destination, position) < destination.Length)
            {
                throw new InvalidOperationException("a log file is shorter than its index says");
            }
            return true;
        }
        catch (IOException e)
        {
            _transport.ReadFailed(region.Path, e);
            return false;
        }
    }

    /// <summary>What is to be sent, or null where a file cannot be read.</summary>
    private byte[]? Gather()
    {
        byte[] bytes = new byte[_output.Length];
        int to = 0;
        int from = 0;
        foreach (RecordsSplice splice in _output.Splices)
        {
            _output.Buffer.AsSpan(from, splice.At - from).CopyTo(bytes.AsSpan(to));
            to += splice.At - from;
            from = splice.At;
            if (!Read((FileRegion)splice.Region, bytes.AsSpan(to, splice.Length), splice.Position))
            {
                return null;
            }
            to += splice.Length;
        }
        _output.Buffer.AsSpan(from, _output.Position - from).CopyTo(bytes.AsSpan(to));
        return bytes;
    }

    public void Close(string reason)
    {
        if (_closed)
        {
            return;
        }
        _closed = true;
        if (_connection.Tag is SimStream near)
        {
            _connection.SendToNear(near.End);
        }
        _transport.Ended(this);
        _handler.OnClosed(reason);
        Send();
    }

    private sealed class CloseWork(SimSocket socket, string reason) : ConnectionWork
    {
        protected internal override void Run() => socket.Close(reason);
    }
}
