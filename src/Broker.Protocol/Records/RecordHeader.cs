using System.Text;

namespace Broker.Protocol.Records;

/// <summary>A header to be written with a record. The key is UTF-8. A plain value.</summary>
public readonly record struct RecordHeader(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte>? Value)
{
    public RecordHeader(string key, ReadOnlyMemory<byte>? value) : this(Encoding.UTF8.GetBytes(key), value)
    {
    }
}
