using System.Net;
using System.Net.Sockets;

namespace Interop;

/// <summary>Ports of this machine.</summary>
internal static class FreePorts
{
    /// <summary>The first of <paramref name="count"/> ports in a row that nobody listens on.</summary>
    /// <param name="count">How many.</param>
    /// <param name="from">First that may be taken.</param>
    /// <param name="to">None at or above it is taken.</param>
    public static int InARow(int count, int from, int to)
    {
        var random = new Random();
        while (true)
        {
            int first = random.Next(from, to - count);
            var open = new List<TcpListener>();
            try
            {
                for (int i = 0; i < count; i++)
                {
                    var listener = new TcpListener(IPAddress.Loopback, first + i);
                    listener.Start();
                    open.Add(listener);
                }
                return first;
            }
            catch (SocketException)
            {
                // one is taken; try elsewhere
            }
            finally
            {
                open.ForEach(l => l.Stop());
            }
        }
    }
}
