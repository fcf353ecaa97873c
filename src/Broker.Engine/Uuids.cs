using System.Buffers.Text;

namespace Broker.Engine;

/// <summary>Kafka's text form of a UUID: 22 characters of URL-safe base64 without padding (org.apache.kafka.common.Uuid).</summary>
public static class Uuids
{
    private const int TextLength = 22;

    public static string Format(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return Base64Url.EncodeToString(bytes);
    }

    public static bool TryParse(string? text, out Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id = default;
        if (text is not { Length: TextLength } || !Base64Url.IsValid(text) || !Base64Url.TryDecodeFromChars(text, bytes, out int written) || written != 16)
        {
            return false;
        }
        id = new Guid(bytes, bigEndian: true);
        return true;
    }

    /// <summary>A random id; Kafka reserves those that would begin with a dash, which tools take for an option.</summary>
    public static Guid New(Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        Guid id;
        do
        {
            random.NextBytes(bytes);
            bytes[6] = (byte)((bytes[6] & 0x0f) | 0x40);
            bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
            id = new Guid(bytes, bigEndian: true);
        }
        while (id == Guid.Empty || Format(id).StartsWith('-'));
        return id;
    }
}
