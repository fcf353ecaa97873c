using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Client;

/// <summary>
/// A connection to a broker for a thread that does nothing else: one request at a time, and the thread waits in the system call.
/// An answer is read into a rented buffer, which its records point into until the next call. <see cref="Dispose"/> may be
/// called by any thread and ends a call that waits; all else belongs to one thread.
/// </summary>
public sealed class BlockingConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly byte[] _clientId;
    private readonly KafkaWriter _writer = new(4096);
    private readonly byte[] _header = new byte[sizeof(int)];
    private Dictionary<short, (short Lowest, short Highest)> _versions = [];
    private byte[]? _frame;
    private int _correlationId;

    private BlockingConnection(Socket socket, string clientId)
    {
        _socket = socket;
        _clientId = System.Text.Encoding.UTF8.GetBytes(clientId);
    }

    /// <summary>Connects and asks which versions the broker knows.</summary>
    /// <param name="host">Where.</param>
    /// <param name="port">Where.</param>
    /// <param name="clientId">The name that the broker sees.</param>
    /// <param name="timeoutMs">Most milliseconds that a system call waits.</param>
    /// <param name="receiveBufferBytes">Of the socket; -1 for the system's default.</param>
    /// <exception cref="IOException">Nobody answers there.</exception>
    public static BlockingConnection Connect(string host, int port, string clientId, int timeoutMs, int receiveBufferBytes)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (receiveBufferBytes > 0)
            {
                socket.ReceiveBufferSize = receiveBufferBytes;
            }
            socket.SendTimeout = timeoutMs;
            socket.ReceiveTimeout = timeoutMs;
            socket.Connect(host, port);
            var connection = new BlockingConnection(socket, clientId);
            var answer = new ApiVersionsResponse();
            connection.Call(new ApiVersionsRequest(), 0, answer);
            connection._versions = answer.ApiKeys.DistinctBy(a => a.ApiKey).ToDictionary(a => a.ApiKey, a => (a.MinVersion, a.MaxVersion));
            return connection;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            socket.Dispose();
            throw new IOException($"cannot connect to {host}:{port}: {e.Message}", e);
        }
    }

    /// <summary>The highest version that both know.</summary>
    /// <exception cref="IOException">There is none.</exception>
    public short VersionOf<TRequest>()
        where TRequest : IApiMessage
    {
        (short lowest, short highest) = _versions.GetValueOrDefault((short)TRequest.Api, ((short)-1, (short)-1));
        short version = Math.Min(TRequest.HighestVersion, highest);
        return version >= Math.Max(TRequest.LowestVersion, lowest)
            ? version : throw new IOException($"the other broker knows {TRequest.Api} in versions {lowest} to {highest}");
    }

    /// <summary>Sends a request and reads its answer into <paramref name="response"/>, whose bytes are good until the next
    /// call.</summary>
    /// <exception cref="IOException">The connection failed, before or after the broker got the request.</exception>
    public void Call<TRequest, TResponse>(TRequest request, short version, TResponse response)
        where TRequest : IApiMessage
        where TResponse : IApiMessage
    {
        ApiInfo api = ApiCatalog.Get(TRequest.Api);
        Release();
        try
        {
            Send(request, api, version);
            Receive(_header);
            int length = BinaryPrimitives.ReadInt32BigEndian(_header);
            if (length is < sizeof(int) or > KafkaConnection.FrameBytesMax)
            {
                throw new IOException($"the broker announced an answer of {length} bytes");
            }
            _frame = ArrayPool<byte>.Shared.Rent(length);
            Receive(_frame.AsSpan(0, length));
            var reader = new KafkaReader(_frame, 0, length);
            if (reader.ReadInt32() != _correlationId)
            {
                throw new IOException("the broker answered what nobody asked");
            }
            if (api.ResponseHeaderVersion(version) >= 1)
            {
                reader.SkipTaggedFields();
            }
            response.Read(ref reader, version);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw new IOException($"{api.Key} failed: {e.Message}", e);
        }
        catch (MalformedRequestException e)
        {
            throw new IOException($"the answer to {api.Key} v{version} is malformed: {e.Message}", e);
        }
    }

    private void Send<TRequest>(TRequest request, ApiInfo api, short version)
        where TRequest : IApiMessage
    {
        _writer.Reset();
        int sizeAt = _writer.ReserveInt32();
        new RequestHeader((short)api.Key, version, ++_correlationId, _clientId).Write(_writer, api.RequestHeaderVersion(version));
        request.Write(_writer, version);
        _writer.PatchInt32(sizeAt, _writer.Position - sizeAt - sizeof(int));
        for (ReadOnlySpan<byte> rest = _writer.WrittenSpan; !rest.IsEmpty;)
        {
            rest = rest[_socket.Send(rest, SocketFlags.None)..];
        }
    }

    private void Receive(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = _socket.Receive(destination, SocketFlags.None);
            destination = read > 0 ? destination[read..] : throw new IOException("the broker closed the connection");
        }
    }

    /// <summary>Gives the last answer's memory back.</summary>
    public void Release()
    {
        if (_frame is { } frame)
        {
            _frame = null;
            ArrayPool<byte>.Shared.Return(frame);
        }
    }

    public void Dispose() => _socket.Dispose();
}
