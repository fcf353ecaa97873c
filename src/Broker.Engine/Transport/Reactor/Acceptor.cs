using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Transport.Reactor;

/// <summary>
/// Accepts the connections of one listener on a thread of its own and deals them to the reactors in turn. At
/// max.connections it stops accepting until one ends; one beyond max.connections.per.ip is closed at once (Kafka's
/// ConnectionQuotas).
/// </summary>
internal sealed unsafe partial class Acceptor : IDisposable
{
    /// <summary>How long accepting rests when it fails: when the process has no descriptor left, say.</summary>
    private const int ExhaustedRestMs = 100;

    private readonly ReactorTransport _transport;
    private readonly ListenerOptions _options;
    private readonly ILogger _logger;
    private readonly Socket _socket;
    private readonly Thread _thread;
    private readonly int _stopFd;
    private volatile bool _stopping;
    private bool _exhausted;
    private bool _failing;

    internal Acceptor(ReactorTransport transport, ListenerOptions options, ILogger logger)
    {
        _transport = transport;
        _options = options;
        _logger = logger;
        _socket = new Socket(options.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (options.EndPoint.AddressFamily == AddressFamily.InterNetworkV6)
            {
                _socket.DualMode = true;
            }
            _socket.Bind(options.EndPoint);
            _socket.Listen(options.Backlog);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
        EndPoint = (IPEndPoint)_socket.LocalEndPoint!;
        _stopFd = Native.eventfd(0, Native.EfdNonblock | Native.EfdCloexec);
        _thread = new Thread(Run, maxStackSize: 256 * 1024)
        {
            Name = $"{transport.Options.Name}-acceptor-{options.Name}",
            IsBackground = true,
        };
    }

    internal IPEndPoint EndPoint { get; }

    internal void Start() => _thread.Start();

    public void Dispose()
    {
        _stopping = true;
        Native.Signal(_stopFd);
        _transport.Quotas.Wake();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }
        _socket.Dispose();
        _ = Native.close(_stopFd);
    }

    private void Run()
    {
        int listenFd = (int)_socket.Handle;
        Native.PollFd* fds = stackalloc Native.PollFd[2];
        while (!_stopping)
        {
            if (!_transport.Quotas.WaitForRoom(() => _stopping))
            {
                return;
            }
            fds[0] = new Native.PollFd { Fd = listenFd, Events = Native.PollIn };
            fds[1] = new Native.PollFd { Fd = _stopFd, Events = Native.PollIn };
            // While descriptors are short, poll only the stop signal: the listener would be ready all the time.
            int first = _exhausted ? 1 : 0;
            _ = Native.poll(fds + first, (nuint)(2 - first), _exhausted ? ExhaustedRestMs : -1);
            _exhausted = false;
            if (!_stopping)
            {
                AcceptOne(listenFd);
            }
        }
    }

    private void AcceptOne(int listenFd)
    {
        if (Native.AreDescriptorsShort(_stopFd))
        {
            Rest(Native.Emfile);   // who connects waits in the backlog
            return;
        }
        byte* address = stackalloc byte[128];
        uint bytes = 128;
        int fd = Native.accept4(listenFd, address, &bytes, Native.SockNonblock | Native.SockCloexec);
        if (fd < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error is not (Native.Eagain or Native.Eintr or Native.Econnaborted))
            {
                Rest(error);
            }
            return;
        }
        _failing = false;
        IPEndPoint remote = ReadAddress(address);
        if (!_transport.Quotas.TryEnter(remote.Address))
        {
            _ = Native.close(fd);
            LogTooMany(remote.Address, _transport.Quotas.MaxOf(remote.Address));
            return;
        }
        bytes = 128;
        IPEndPoint local = Native.getsockname(fd, address, &bytes) == 0 ? ReadAddress(address) : EndPoint;
        Native.SetOption(fd, Native.IpProtoTcp, Native.TcpNoDelay, 1);
        Native.SetOption(fd, Native.SolSocket, Native.SoKeepalive, 1);
        if (IPAddress.IsLoopback(remote.Address) || remote.Address.Equals(local.Address))
        {
            // A peer on this machine has no path to be measured. Where the system's default is bbr it would be paced all the same,
            // at half as much processor time again for large answers (docs/decisions/0010). reno is in every kernel, for everyone.
            Native.SetOption(fd, Native.IpProtoTcp, Native.TcpCongestion, "reno"u8);
        }
        if (_transport.Options.SendBufferBytes > 0)
        {
            Native.SetOption(fd, Native.SolSocket, Native.SoSndBuf, _transport.Options.SendBufferBytes);
        }
        if (_transport.Options.ReceiveBufferBytes > 0)
        {
            Native.SetOption(fd, Native.SolSocket, Native.SoRcvBuf, _transport.Options.ReceiveBufferBytes);
        }
        _transport.Take(fd, _options.Name, local, remote);
    }

    /// <summary>Accepting fails, and would fail again at once: rest, and say so once.</summary>
    private void Rest(int error)
    {
        _exhausted = true;
        if (_failing)
        {
            return;
        }
        _failing = true;
        if (error is Native.Emfile or Native.Enfile)
        {
            LogExhausted(_options.Name, error);
        }
        else
        {
            LogAcceptFailed(_options.Name, error);
        }
    }

    /// <summary>A sockaddr_in or sockaddr_in6; an IPv4 address that came through IPv6 is shown as IPv4.</summary>
    private static IPEndPoint ReadAddress(byte* address)
    {
        var family = (AddressFamily)(*(ushort*)address == 10 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork);
        int port = BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(address + 2, 2));
        if (family == AddressFamily.InterNetwork)
        {
            return new IPEndPoint(new IPAddress(new ReadOnlySpan<byte>(address + 4, 4)), port);
        }
        var v6 = new IPAddress(new ReadOnlySpan<byte>(address + 8, 16));
        return new IPEndPoint(v6.IsIPv4MappedToIPv6 ? v6.MapToIPv4() : v6, port);
    }

    [LoggerMessage(1010, LogLevel.Error, "listener {Listener} cannot accept: the process has no file descriptor left for connections (errno {Errno}); raise the limit (ulimit -n) or lower max.connections", EventName = "DescriptorsExhausted")]
    private partial void LogExhausted(string listener, int errno);

    [LoggerMessage(1011, LogLevel.Warning, "listener {Listener}: accept failed with errno {Errno}", EventName = "AcceptFailed")]
    private partial void LogAcceptFailed(string listener, int errno);

    [LoggerMessage(1012, LogLevel.Information, "Rejected connection from {Address}, address already has the configured maximum of {Max} connections.", EventName = "TooManyConnectionsPerIp")]
    private partial void LogTooMany(IPAddress address, int max);
}
