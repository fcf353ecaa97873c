using System.Buffers.Binary;
using System.Net.Sockets;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Tests.Wire;

/// <summary>A socket for frames that no decent client sends. Not thread-safe.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);
    private readonly TcpClient _client = new();
    private readonly NetworkStream _stream;

    public RawClient(int port)
    {
        _client.Connect("127.0.0.1", port);
        _client.NoDelay = true;
        _stream = _client.GetStream();
    }

    public Socket Socket => _client.Client;

    /// <summary>A frame with its length in front.</summary>
    public static byte[] Frame(ApiKey key, short version, IKafkaMessage? body, int correlationId = 7)
    {
        var writer = new KafkaWriter();
        int sizeAt = writer.ReserveInt32();
        new RequestHeader((short)key, version, correlationId, "raw"u8.ToArray())
            .Write(writer, ApiCatalog.Get(key).RequestHeaderVersion(version));
        body?.Write(writer, version);
        writer.PatchInt32(sizeAt, writer.Position - sizeof(int));
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>A frame of a header that no catalogue knows, and whatever follows.</summary>
    public static byte[] Frame(short key, short version, int correlationId, params ReadOnlySpan<byte> rest)
    {
        var writer = new KafkaWriter();
        int sizeAt = writer.ReserveInt32();
        new RequestHeader(key, version, correlationId, "raw"u8.ToArray()).Write(writer, 1);
        writer.WriteRaw(rest);
        writer.PatchInt32(sizeAt, writer.Position - sizeof(int));
        return writer.WrittenSpan.ToArray();
    }

    public async Task SendAsync(params ReadOnlyMemory<byte>[] parts)
    {
        foreach (ReadOnlyMemory<byte> part in parts)
        {
            await _stream.WriteAsync(part, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The next answer: what follows its length.</summary>
    public async Task<byte[]> ReceiveAsync()
    {
        using var timeout = new CancellationTokenSource(s_patience);
        byte[] length = new byte[sizeof(int)];
        await _stream.ReadExactlyAsync(length, timeout.Token);
        byte[] frame = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        await _stream.ReadExactlyAsync(frame, timeout.Token);
        return frame;
    }

    /// <summary>Reads an answer's header and body; fails when bytes are left over.</summary>
    public static (int CorrelationId, TResponse Body) Read<TResponse>(byte[] frame, ApiKey key, short version)
        where TResponse : IApiMessage, new()
    {
        var reader = new KafkaReader(frame, 0, frame.Length);
        int id = reader.ReadInt32();
        if (ApiCatalog.Get(key).ResponseHeaderVersion(version) >= 1)
        {
            reader.SkipTaggedFields();
        }
        var body = new TResponse();
        body.Read(ref reader, version);
        Assert.Equal(0, reader.Remaining);
        return (id, body);
    }

    /// <summary>Waits until the broker closes the connection; what it still sends is dropped.</summary>
    /// <returns>Bytes that came before the end.</returns>
    public async Task<int> ReadToEndAsync()
    {
        using var timeout = new CancellationTokenSource(s_patience);
        byte[] buffer = new byte[64 * 1024];
        int bytes = 0;
        try
        {
            while (await _stream.ReadAsync(buffer, timeout.Token) is var read and > 0)
            {
                bytes += read;
            }
        }
        catch (IOException)
        {
            // reset: closed as well
        }
        return bytes;
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }
}
