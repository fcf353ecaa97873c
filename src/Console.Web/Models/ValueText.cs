using System.Text;
using System.Text.Json;

namespace WebConsole.Models;

/// <summary>Bytes of a record as people read them. Stateless and thread-safe.</summary>
public static class ValueText
{
    private const int ShortLength = 120;
    private const int HexBytesMax = 4096;

    private static readonly UTF8Encoding s_strict = new(false, true);
    private static readonly JsonSerializerOptions s_pretty = new() { WriteIndented = true };

    /// <param name="bytes">The bytes, null for none.</param>
    /// <param name="format">text, json or hex; what is not text is shown as hex, what is not JSON as text.</param>
    public static string Of(ReadOnlyMemory<byte>? bytes, string format)
    {
        if (bytes is not { } given)
        {
            return "null";
        }
        if (format == "hex")
        {
            return Hex(given.Span);
        }
        try
        {
            string text = s_strict.GetString(given.Span);
            return format == "json" ? Pretty(text) : text;
        }
        catch (DecoderFallbackException)
        {
            return Hex(given.Span);
        }
    }

    /// <summary>The beginning, on one line.</summary>
    public static string Short(ReadOnlyMemory<byte>? bytes, string format)
    {
        string text = Of(bytes is { } b && b.Length > ShortLength * 4 ? b[..(ShortLength * 4)] : bytes, format == "json" ? "text" : format).ReplaceLineEndings(" ");
        return text.Length <= ShortLength ? text : text[..ShortLength] + "…";
    }

    private static string Pretty(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return JsonSerializer.Serialize(document.RootElement, s_pretty);
        }
        catch (JsonException)
        {
            return text;
        }
    }

    private static string Hex(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        for (int i = 0; i < Math.Min(bytes.Length, HexBytesMax); i += 16)
        {
            ReadOnlySpan<byte> row = bytes.Slice(i, Math.Min(16, bytes.Length - i));
            text.Append(i.ToString("x8", System.Globalization.CultureInfo.InvariantCulture)).Append("  ");
            foreach (byte b in row)
            {
                text.Append(b.ToString("x2", System.Globalization.CultureInfo.InvariantCulture)).Append(' ');
            }
            text.Append(' ', (16 - row.Length) * 3).Append(' ');
            foreach (byte b in row)
            {
                text.Append(b is >= 32 and < 127 ? (char)b : '.');
            }
            text.Append('\n');
        }
        return text.ToString();
    }
}
