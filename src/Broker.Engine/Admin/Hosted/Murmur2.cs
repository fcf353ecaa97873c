using System.Buffers.Binary;

namespace Broker.Engine.Admin.Hosted;

/// <summary>The hash by which Kafka's clients choose a partition from a key (org.apache.kafka.common.utils.Utils.murmur2).
/// Stateless.</summary>
internal static class Murmur2
{
    public static int Hash(ReadOnlySpan<byte> data)
    {
        const uint m = 0x5bd1e995;
        uint hash = 0x9747b28c ^ (uint)data.Length;
        while (data.Length >= 4)
        {
            uint k = BinaryPrimitives.ReadUInt32LittleEndian(data) * m;
            hash = (hash * m) ^ ((k ^ (k >> 24)) * m);
            data = data[4..];
        }
        for (int i = data.Length - 1; i >= 0; i--)
        {
            hash ^= (uint)data[i] << (8 * i);
        }
        if (data.Length > 0)
        {
            hash *= m;
        }
        hash = (hash ^ (hash >> 13)) * m;
        return (int)(hash ^ (hash >> 15));
    }
}
