namespace Broker.Protocol.Messages;

/// <summary>
/// Declares a request: the class's <see cref="FieldAttribute"/> properties, in declaration order, are its fields.
/// The generator writes <c>Read</c> and <c>Write</c> for every version in <paramref name="versions"/> and enters the
/// message into <see cref="ApiCatalog"/>.
/// </summary>
/// <param name="key">The API.</param>
/// <param name="versions">All versions that can be read and written, in Kafka's notation: <c>"3-13"</c>, <c>"0"</c>.</param>
/// <param name="flexible">First flexible version (KIP-482), as <c>"9+"</c>, or <c>"none"</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class KafkaRequestAttribute(ApiKey key, string versions, string flexible) : Attribute
{
    public ApiKey Key { get; } = key;
    public string Versions { get; } = versions;
    public string Flexible { get; } = flexible;
}

/// <summary>Declares the response of an API; see <see cref="KafkaRequestAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class KafkaResponseAttribute(ApiKey key, string versions, string flexible) : Attribute
{
    public ApiKey Key { get; } = key;
    public string Versions { get; } = versions;
    public string Flexible { get; } = flexible;
}

/// <summary>Declares a versioned structure that is stored rather than sent: group metadata, offset commits, embedded
/// consumer protocol. It is not part of <see cref="ApiCatalog"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class KafkaDataAttribute(string versions, string flexible) : Attribute
{
    public string Versions { get; } = versions;
    public string Flexible { get; } = flexible;
}

/// <summary>Declares a structure nested in a message. Its versions and flexibility are those of the message.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class KafkaStructAttribute : Attribute;

/// <summary>
/// One field of a message. The wire type follows from the property's type: bool, sbyte, short, ushort, int, uint, long,
/// double, Guid, string, <see cref="ReadOnlyMemory{T}"/> of byte (bytes, or a UTF-8 string when
/// <see cref="Utf8"/>), <see cref="Wire.Records"/>, an enum over an integer, a [KafkaStruct] class, or
/// <see cref="Wire.WireList{T}"/> of these. The default, which a version without the field reads as, is the property's
/// initializer: a constant, <c>[]</c>, or none (zero; null where the property is nullable). A tagged structure is
/// nullable, and null is its default; a nullable structure that is not tagged travels behind a marker byte (KIP-893).
/// </summary>
/// <param name="versions">Versions that carry the field, as <c>"0+"</c>, <c>"3-9"</c> or <c>"2"</c>.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class FieldAttribute(string versions) : Attribute
{
    public string Versions { get; } = versions;

    /// <summary>Versions in which null is allowed on the wire; the property must be nullable.</summary>
    public string? Nullable { get; init; }

    /// <summary>Tag number when the field is a tagged one; -1 for an ordinary field.</summary>
    public int Tag { get; init; } = -1;

    /// <summary>Versions in which the field is tagged; by default all of <see cref="Versions"/> when
    /// <see cref="Tag"/> is set. In its other versions it is an ordinary field.</summary>
    public string? Tagged { get; init; }

    /// <summary>A value other than the default may be dropped silently in versions without the field.</summary>
    public bool Ignorable { get; init; }

    /// <summary>Memory of bytes that travels as a string: a name that the hot path looks up without decoding it.</summary>
    public bool Utf8 { get; init; }
}
