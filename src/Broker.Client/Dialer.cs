using System.Net;
using System.Net.Sockets;

namespace Broker.Client;

/// <summary>
/// Opens the streams under connections to brokers, and knows the time that their deadlines are counted in. This one uses the
/// machine's sockets; a simulation puts its own network in its place. Thread-safe.
/// </summary>
public class Dialer
{
    /// <param name="time">For deadlines.</param>
    public Dialer(TimeProvider time) => Time = time;

    /// <summary>Sockets, and the system's time.</summary>
    public static Dialer System { get; } = new(TimeProvider.System);

    public TimeProvider Time { get; }

    /// <exception cref="IOException">Nobody listens there.</exception>
    public virtual async Task<Stream> OpenAsync(string host, int port, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (IPAddress.TryParse(host, out IPAddress? address))
            {
                await socket.ConnectAsync(address, port, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await socket.ConnectAsync(host, port, cancellationToken).ConfigureAwait(false);
            }
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException(e.Message, e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
