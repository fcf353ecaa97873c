using System.Net.Security;
using System.Net.Sockets;
using Broker.Engine.Coordination.Jute;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>A connection to one server of the ensemble, from the socket to the end of the handshake. What is sent and read on it
/// is its session's business. Not thread-safe.</summary>
internal sealed class KeeperLink : IDisposable
{
    /// <summary>Longest answer: the children of a node that has a million. The ensemble bounds requests, not answers.</summary>
    private const int AnswerBytesMax = 128 * 1024 * 1024;

    private KeeperLink(ServerAddress server, Stream stream)
    {
        Server = server;
        Stream = stream;
        Packets = new PacketReader(stream, AnswerBytesMax);
    }

    public ServerAddress Server { get; }

    public Stream Stream { get; }

    public PacketReader Packets { get; }

    /// <summary>What the server answered to the first packet.</summary>
    public ConnectResponse Response { get; private set; }

    /// <summary>When something last came, by <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long HeardAt { get; set; }

    /// <summary>When something was last sent.</summary>
    public long SentAt { get; set; }

    /// <summary>Connects, and opens the session or goes on with it.</summary>
    /// <exception cref="KeeperLinkException">It cannot be, and why.</exception>
    public static async Task<KeeperLink> ConnectAsync(
        ZooKeeperOptions options, ServerAddress server, ConnectRequest request, Random random, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        KeeperLink? link = null;
        try
        {
            await socket.ConnectAsync(server.Host, server.Port, cancellationToken).ConfigureAwait(false);
            Stream stream = new NetworkStream(socket, ownsSocket: true);
            if (options.Tls is { } tls)
            {
                var secure = new SslStream(stream);
                stream = secure;
                await secure.AuthenticateAsClientAsync(tls(server), cancellationToken).ConfigureAwait(false);
            }
            link = new KeeperLink(server, stream);
            await link.ShakeHandsAsync(request, cancellationToken).ConfigureAwait(false);
            if (options.Digest is { } digest && link.Response.TimeoutMs > 0)
            {
                await SaslDigest.AuthenticateAsync(link, digest.User, digest.Password, random, cancellationToken).ConfigureAwait(false);
            }
            return link;
        }
        catch (Exception e) when (e is SocketException or IOException or MalformedRequestException or KeeperLinkException
            or System.Security.Authentication.AuthenticationException or OperationCanceledException)
        {
            link?.Dispose();
            socket.Dispose();
            throw new KeeperLinkException(e is OperationCanceledException ? "no answer" : e.Message, e);
        }
    }

    private async Task ShakeHandsAsync(ConnectRequest request, CancellationToken cancellationToken)
    {
        var writer = new JuteWriter();
        int frame = writer.BeginFrame();
        request.Write(writer);
        writer.EndFrame(frame);
        await Stream.WriteAsync(writer.Written, cancellationToken).ConfigureAwait(false);
        ReadOnlyMemory<byte> answer = await Packets.ReadAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new KeeperLinkException("it closed the connection instead of opening a session");
        Response = ConnectResponse.Read(answer.Span);
    }

    /// <summary>Ends it: what reads and writes on it fails.</summary>
    public void Dispose() => Stream.Dispose();
}

/// <summary>A server cannot be used; the message says why, in words that go on a line.</summary>
internal sealed class KeeperLinkException(string message, Exception? inner = null) : Exception(message, inner);
