using System.Net;
using Broker.Protocol.Wire;

namespace Broker.Engine.Transport.Reactor;

/// <summary>
/// One accepted socket on one reactor. It holds a buffer only while a frame is incomplete or frames are paused, so that an
/// idle connection costs some hundred bytes. This part is its life; the others receive and send.
/// All members belong to the reactor's thread, but for <see cref="Post"/> and <see cref="RequestClose"/>.
/// </summary>
internal sealed unsafe partial class ReactorConnection : TransportConnection
{
    private readonly CloseWork _closeWork;
    private volatile Reactor _reactor;
    private IConnectionHandler? _handler;
    private int _slot = -1;
    private bool _closed;
    private Reactor? _migrateTo;
    private uint _interest = Native.EpollIn | Native.EpollRdHup;

    internal ReactorConnection(Reactor reactor, int fd, string listener, IPEndPoint local, IPEndPoint remote)
        : base(listener, local, remote)
    {
        _reactor = reactor;
        _closeWork = new CloseWork(this);
        Fd = fd;
    }

    internal int Fd { get; }

    internal uint Interest => _interest;

    internal long LastActiveMs;
    internal ReactorConnection? IdleNext;
    internal ReactorConnection? IdlePrevious;

    public override int NetworkThread => _reactor.Index;

    public override KafkaWriter Output => _reactor.Output;

    public override bool IsCurrentThread => _reactor == Reactor.Current;

    internal void SetHandler(IConnectionHandler handler) => _handler = handler;

    public override void Post(ConnectionWork work) => _reactor.Post(work);

    public override void RequestClose(string reason)
    {
        if (_closeWork.TryClaim(reason))
        {
            Post(_closeWork);
        }
    }

    public override void CloseIfQuiet(string reason)
    {
        byte next;
        if (!_closed && !_paused && !_receiving && !HasPending && _end == _start && _slot >= 0
            && Native.recv(Fd, &next, 1, Native.MsgPeek | Native.MsgDontWait) <= 0)
        {
            Close(reason);
        }
    }

    internal void Attached(Reactor reactor, int slot)
    {
        _slot = slot;
        LastActiveMs = reactor.Clock.NowMs;
        reactor.Idle.Add(this);
    }

    /// <summary>epoll has something to say.</summary>
    internal void OnReady(uint events)
    {
        _reactor.Idle.Touch(this, _reactor.Clock.NowMs);
        if ((events & Native.EpollErr) != 0)
        {
            Close("the socket failed");
            return;
        }
        if ((events & Native.EpollOut) != 0 && !_closed)
        {
            SendPending();
        }
        if ((events & (Native.EpollIn | Native.EpollRdHup | Native.EpollHup)) != 0 && !_closed)
        {
            Receive((events & (Native.EpollRdHup | Native.EpollHup)) != 0, (events & Native.EpollHup) != 0);
        }
    }

    internal void Close(string reason)
    {
        if (_closed)
        {
            return;
        }
        _closed = true;
        if (_slot >= 0)
        {
            _reactor.Detach(this, _slot);
            _reactor.Idle.Remove(this);
        }
        _ = Native.close(Fd);
        DropReceived();
        DropPending();
        _handler?.OnClosed(reason);
        _reactor.ConnectionEnded(this);
    }

    /// <summary>Serving it has failed: nothing half written may be sent, to it or to another.</summary>
    internal void Abort()
    {
        _receiving = false;
        Close("an error in the broker");
        FlushOutput();
    }

    /// <summary>Moves to another thread when the frames at hand are done.</summary>
    internal void MigrateSoon(Reactor target) => _migrateTo = target;

    /// <summary>Moves, if that is asked for and nothing is parked, unsent or half worked on; else it waits for that.</summary>
    private bool MaybeMigrate()
    {
        if (_migrateTo is not { } target || _closed || _paused || HasPending || _receiving || !_handler!.IsIdle)
        {
            return false;
        }
        _migrateTo = null;
        if (target == _reactor)
        {
            return false;
        }
        _reactor.Detach(this, _slot);
        _reactor.Idle.Remove(this);
        _slot = -1;
        _reactor = target;
        target.Post(new AttachWork(target, this));
        return true;
    }

    private void SetInterest(uint events)
    {
        if (events != _interest)
        {
            _interest = events;
            if (_slot >= 0)
            {
                _reactor.SetInterest(this, _slot, events);
            }
        }
    }

    /// <summary>Takes a connection in on its reactor's thread.</summary>
    internal sealed class AttachWork(Reactor reactor, ReactorConnection connection) : ConnectionWork
    {
        protected internal override void Run()
        {
            if (!connection._closed)
            {
                reactor.Attach(connection);
                connection.DeliverBuffered();
            }
        }
    }

    private sealed class CloseWork(ReactorConnection connection) : ConnectionWork
    {
        private string? _reason;

        internal bool TryClaim(string reason) => Interlocked.CompareExchange(ref _reason, reason, null) is null;

        protected internal override void Run()
        {
            if (!connection.IsCurrentThread)
            {
                connection.Post(this);   // it has moved since
                return;
            }
            connection.Close(_reason!);
        }
    }
}
