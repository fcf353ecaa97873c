using System.Net;
using System.Net.Sockets;

namespace Broker.Engine.Tests.Coordination;

/// <summary>A wire between a client and a server that can be cut, held, or lose what the server answers.</summary>
internal sealed class CutWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> _open = [];
    private readonly int _port;
    private readonly Task _accepting;
    private volatile TaskCompletionSource _passing = Passing();
    private volatile bool _isCut;

    public CutWire(int port)
    {
        _port = port;
        _listener.Start();
        _accepting = Task.Run(AcceptAsync);
    }

    public string Address => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>How many answers still pass before the wire is cut in place of one; negative for all.</summary>
    public int AnswersLeft { get; set; } = -1;

    private static TaskCompletionSource Passing()
    {
        var passing = new TaskCompletionSource();
        passing.SetResult();
        return passing;
    }

    public void Cut()
    {
        _isCut = true;
        CloseAll();
    }

    public void Mend() => _isCut = false;

    /// <summary>Nothing passes any more, and nothing is closed.</summary>
    public void Hold() => _passing = new TaskCompletionSource();

    public void Release() => _passing.TrySetResult();

    private void CloseAll()
    {
        lock (_open)
        {
            _open.ForEach(s => s.Dispose());
            _open.Clear();
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket near = await _listener.AcceptSocketAsync();
                if (_isCut)
                {
                    near.Dispose();
                    continue;
                }
                var far = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await far.ConnectAsync(IPAddress.Loopback, _port);
                lock (_open)
                {
                    _open.AddRange([near, far]);
                }
                _ = PassAsync(near, far, answers: false);
                _ = PassAsync(far, near, answers: true);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // disposed
        }
    }

    private async Task PassAsync(Socket from, Socket to, bool answers)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer.AsMemory()) is > 0 and int count)
            {
                await _passing.Task;
                if (answers && AnswersLeft >= 0 && AnswersLeft-- == 0)
                {
                    break;
                }
                await to.SendAsync(buffer.AsMemory(0, count));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // cut
        }
        from.Dispose();
        to.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Release();
        CloseAll();
        await _accepting;
    }
}
