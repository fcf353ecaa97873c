using System.Buffers.Binary;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Client;

/// <summary>
/// One connection to a broker. Requests may be sent while earlier ones wait; answers come in order. Any failure ends the
/// connection: every call that waits gets the <see cref="IOException"/>. Thread-safe.
/// </summary>
public sealed class KafkaConnection : IAsyncDisposable
{
    /// <summary>Largest answer that is accepted, bytes.</summary>
    public const int FrameBytesMax = 100 * 1024 * 1024;

    private readonly Stream _stream;
    private readonly byte[] _clientId;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly Queue<TaskCompletionSource<byte[]>> _waiting = new();
    private readonly KafkaWriter _writer = new(4096);
    private readonly Task _receiving;
    private int _correlationId;
    private Exception? _failure;

    private KafkaConnection(Stream stream, string clientId)
    {
        _stream = stream;
        _clientId = System.Text.Encoding.UTF8.GetBytes(clientId);
        _receiving = ReceiveAsync();
    }

    /// <exception cref="IOException">Nobody listens there, or not in time.</exception>
    public static Task<KafkaConnection> ConnectAsync(
        string host, int port, string clientId, TimeSpan timeout, CancellationToken cancellationToken) =>
        ConnectAsync(Dialer.System, host, port, clientId, timeout, cancellationToken);

    /// <exception cref="IOException">Nobody listens there, or not in time.</exception>
    public static async Task<KafkaConnection> ConnectAsync(
        Dialer dialer, string host, int port, string clientId, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(timeout, dialer.Time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            return new KafkaConnection(await dialer.OpenAsync(host, port, limit.Token).ConfigureAwait(false), clientId);
        }
        catch (Exception e) when (e is IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new IOException($"cannot connect to {host}:{port}: {e.Message}", e);
        }
    }

    /// <summary>Whether the connection has ended: nothing can be sent over it any more.</summary>
    public bool HasFailed
    {
        get
        {
            lock (_waiting)
            {
                return _failure is not null;
            }
        }
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <exception cref="IOException">The connection failed, before or after the broker got the request.</exception>
    public async Task<TResponse> SendAsync<TRequest, TResponse>(TRequest request, short version, CancellationToken cancellationToken)
        where TRequest : IApiMessage
        where TResponse : IApiMessage, new()
    {
        ApiInfo api = ApiCatalog.Get(TRequest.Api);
        var answer = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            int id = ++_correlationId;
            Encode(request, api, version, id);
            lock (_waiting)
            {
                if (_failure is not null)
                {
                    throw new IOException("the connection has failed", _failure);
                }
                _waiting.Enqueue(answer);
            }
            await _stream.WriteAsync(_writer.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            Fail(e);   // half a request may be out
            throw e is OperationCanceledException ? e : new IOException($"sending {api.Key} failed: {e.Message}", e);
        }
        finally
        {
            _sending.Release();
        }
        byte[] frame = await answer.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        return Decode<TResponse>(frame, api, version);
    }

    private void Encode<TRequest>(TRequest request, ApiInfo api, short version, int id)
        where TRequest : IApiMessage
    {
        _writer.Reset();
        int sizeAt = _writer.ReserveInt32();
        new RequestHeader((short)api.Key, version, id, _clientId).Write(_writer, api.RequestHeaderVersion(version));
        request.Write(_writer, version);
        _writer.PatchInt32(sizeAt, _writer.Position - sizeAt - sizeof(int));
    }

    private static TResponse Decode<TResponse>(byte[] frame, ApiInfo api, short version)
        where TResponse : IApiMessage, new()
    {
        try
        {
            var reader = new KafkaReader(frame, 0, frame.Length);
            _ = reader.ReadInt32();
            if (api.ResponseHeaderVersion(version) >= 1)
            {
                reader.SkipTaggedFields();
            }
            var response = new TResponse();
            response.Read(ref reader, version);
            return response;
        }
        catch (MalformedRequestException e)
        {
            throw new IOException($"the answer to {api.Key} v{version} is malformed: {e.Message}", e);
        }
    }

    private async Task ReceiveAsync()
    {
        byte[] header = new byte[sizeof(int)];
        try
        {
            while (true)
            {
                await ReadAsync(header).ConfigureAwait(false);
                int length = BinaryPrimitives.ReadInt32BigEndian(header);
                if (length is < sizeof(int) or > FrameBytesMax)
                {
                    throw new IOException($"the broker announced an answer of {length} bytes");
                }
                byte[] frame = new byte[length];
                await ReadAsync(frame).ConfigureAwait(false);
                lock (_waiting)
                {
                    if (!_waiting.TryDequeue(out TaskCompletionSource<byte[]>? answer))
                    {
                        throw new IOException("the broker answered what nobody asked");
                    }
                    answer.TrySetResult(frame);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Fail(e);
        }
    }

    private async Task ReadAsync(Memory<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int read = await _stream.ReadAsync(destination).ConfigureAwait(false);
            destination = read > 0 ? destination[read..] : throw new IOException("the broker closed the connection");
        }
    }

    private void Fail(Exception e)
    {
        lock (_waiting)
        {
            _failure ??= e;
            while (_waiting.TryDequeue(out TaskCompletionSource<byte[]>? answer))
            {
                answer.TrySetException(new IOException($"the connection failed: {e.Message}", e));
            }
        }
        _stream.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync().ConfigureAwait(false);
        await _receiving.ConfigureAwait(false);
        _sending.Dispose();
    }
}
