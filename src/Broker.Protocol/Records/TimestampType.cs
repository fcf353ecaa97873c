using System.Diagnostics.CodeAnalysis;

namespace Broker.Protocol.Records;

/// <summary>Whose clock a batch's timestamps come from: bit 3 of the attributes
/// (<c>message.timestamp.type</c>).</summary>
[SuppressMessage("Design", "CA1028", Justification = "One bit on the wire.")]
public enum TimestampType : sbyte
{
    /// <summary>Magic 0 has no timestamps.</summary>
    None = -1,

    CreateTime = 0,

    LogAppendTime = 1,
}
