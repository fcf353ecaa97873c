using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Interop;

/// <summary>Ports of this machine.</summary>
internal static class FreePorts
{
    /// <summary>Where free ports are looked for; INTEROP_PORTS=first-last narrows it.</summary>
    private static readonly (int First, int Last) s_ports =
        Environment.GetEnvironmentVariable("INTEROP_PORTS") is { Length: > 0 } range && range.Split('-') is [var first, var last]
            ? (int.Parse(first, CultureInfo.InvariantCulture), int.Parse(last, CultureInfo.InvariantCulture))
            : (20_000, 32_000);

    /// <summary>Claims of this process, which end with it.</summary>
    private static readonly List<Socket> s_claims = [];

    /// <summary>The first of <paramref name="count"/> ports in a row that nobody listens on.</summary>
    public static int InARow(int count) => InARow(count, s_ports.First, s_ports.Last);

    /// <summary>The first of <paramref name="count"/> ports in a row that nobody listens on. No other test gets them, in this process or
    /// another, though nobody listens on them yet, or for a while.</summary>
    /// <param name="count">How many.</param>
    /// <param name="from">First that may be taken.</param>
    /// <param name="to">None at or above it is taken.</param>
    public static int InARow(int count, int from, int to)
    {
        var random = new Random();
        while (true)
        {
            int first = random.Next(from, to - count);
            var claims = new List<Socket>();
            var open = new List<TcpListener>();
            try
            {
                for (int i = 0; i < count; i++)
                {
                    var listener = new TcpListener(IPAddress.Loopback, first + i);
                    open.Add(listener);
                    listener.Start();
                    if (OperatingSystem.IsLinux())
                    {
                        claims.Add(Claim(first + i));
                    }
                }
                lock (s_claims)
                {
                    s_claims.AddRange(claims);
                }
                return first;
            }
            catch (SocketException)
            {
                // one is taken; try elsewhere
                claims.ForEach(c => c.Dispose());
            }
            finally
            {
                open.ForEach(l => l.Stop());
            }
        }
    }

    /// <summary>A name that one process of the machine can have at a time, and no file.</summary>
    private static Socket Claim(int port)
    {
        var claim = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            claim.Bind(new UnixDomainSocketEndPoint($"\0wheelhouse-test-port-{port}"));
            return claim;
        }
        catch (SocketException)
        {
            claim.Dispose();
            throw;
        }
    }
}
