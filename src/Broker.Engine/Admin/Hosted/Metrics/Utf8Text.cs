using System.Buffers;
using System.Globalization;
using System.Text;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>Text on its way out, as UTF-8 in a rented array that grows. Not thread-safe.</summary>
internal sealed class Utf8Text : IBufferWriter<byte>, IDisposable
{
    private const int SmallestBytes = 64 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(SmallestBytes);

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    public void Clear() => Length = 0;

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _buffer.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _buffer.AsSpan(Length);
    }

    private void Reserve(int count)
    {
        if (_buffer.Length - Length >= count)
        {
            return;
        }
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, Length + count));
        _buffer.AsSpan(0, Length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }

    public Utf8Text Add(ReadOnlySpan<byte> bytes)
    {
        if (_buffer.Length - Length < bytes.Length)
        {
            Reserve(bytes.Length);
        }
        bytes.CopyTo(_buffer.AsSpan(Length));
        Length += bytes.Length;
        return this;
    }

    public Utf8Text Add(ReadOnlySpan<char> text)
    {
        Length += Encoding.UTF8.GetBytes(text, GetSpan(text.Length * 3));
        return this;
    }

    public Utf8Text Add(long number)
    {
        number.TryFormat(GetSpan(20), out int written, default, CultureInfo.InvariantCulture);
        Length += written;
        return this;
    }

    /// <summary>A number as Prometheus reads it.</summary>
    public Utf8Text Add(double number)
    {
        if (double.IsInfinity(number))
        {
            return Add(number > 0 ? "+Inf"u8 : "-Inf"u8);
        }
        number.TryFormat(GetSpan(32), out int written, default, CultureInfo.InvariantCulture);
        Length += written;
        return this;
    }

    /// <summary>A label's value, escaped.</summary>
    public Utf8Text AddEscaped(ReadOnlySpan<char> text)
    {
        if (text.IndexOfAny('\\', '"', '\n') < 0)
        {
            return Add(text);
        }
        foreach (Rune rune in text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '\\': Add("\\\\"u8); break;
                case '"': Add("\\\""u8); break;
                case '\n': Add("\\n"u8); break;
                default: Length += rune.EncodeToUtf8(GetSpan(4)); break;
            }
        }
        return this;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        Length = 0;
    }
}
