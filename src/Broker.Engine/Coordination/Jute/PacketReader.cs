using System.Buffers.Binary;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.Jute;

/// <summary>Cuts a stream into packets. What it returns is valid until the next call. Not thread-safe.</summary>
/// <param name="stream">Where bytes come from.</param>
/// <param name="bytesMax">Longest packet.</param>
internal sealed class PacketReader(Stream stream, int bytesMax)
{
    private const int InitialBytes = 4096;

    private byte[] _buffer = new byte[InitialBytes];
    private int _from;
    private int _to;

    /// <summary>The first bytes of the stream, without taking them: what is not a packet may begin like this.</summary>
    /// <returns>Null at the end of the stream.</returns>
    public async ValueTask<int?> PeekInt32Async(CancellationToken cancellationToken) =>
        await FillAsync(sizeof(int), cancellationToken).ConfigureAwait(false)
            ? BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_from)) : null;

    /// <summary>Whether a whole packet is there already.</summary>
    public bool HasPacket => _to - _from >= sizeof(int)
        && BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_from)) is var length && length <= _to - _from - sizeof(int);

    /// <returns>Null at the end of the stream.</returns>
    /// <exception cref="MalformedRequestException">The length cannot be.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken)
    {
        if (await PeekInt32Async(cancellationToken).ConfigureAwait(false) is not { } length)
        {
            return null;
        }
        if (length < 0 || length > bytesMax)
        {
            throw new MalformedRequestException($"a packet of {length} bytes, where {bytesMax} are allowed");
        }
        _from += sizeof(int);
        if (!await FillAsync(length, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }
        ReadOnlyMemory<byte> packet = _buffer.AsMemory(_from, length);
        _from += length;
        return packet;
    }

    private async ValueTask<bool> FillAsync(int count, CancellationToken cancellationToken)
    {
        if (_buffer.Length - _from < count)
        {
            byte[] next = _buffer.Length < count ? new byte[Math.Min(Math.Max(count, InitialBytes), Grown())] : _buffer;
            _buffer.AsSpan(_from, _to - _from).CopyTo(next);
            _to -= _from;
            _from = 0;
            _buffer = next;
        }
        while (_to - _from < count)
        {
            if (_to == _buffer.Length)
            {
                // What was announced is not yet there: room is made as it comes, not on its word.
                Array.Resize(ref _buffer, Math.Min(count, Grown()));
            }
            int read = await stream.ReadAsync(_buffer.AsMemory(_to), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                return false;
            }
            _to += read;
        }
        return true;
    }

    private int Grown() => Math.Max(_buffer.Length * 2, InitialBytes);
}
