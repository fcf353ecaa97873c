using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Chooses the SASL mechanism of the connection.</summary>
[KafkaRequest(ApiKey.SaslHandshake, versions: "0-1", flexible: "none")]
public sealed partial class SaslHandshakeRequest
{
    [Field("0+")] public string Mechanism { get; set; } = "";
}

/// <summary>The mechanisms the broker knows.</summary>
[KafkaResponse(ApiKey.SaslHandshake, versions: "0-1", flexible: "none")]
public sealed partial class SaslHandshakeResponse
{
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+")] public WireList<string> Mechanisms { get; set; } = [];
}
