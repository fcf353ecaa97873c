namespace Broker.Protocol.Messages;

/// <summary>Carries one step of the SASL exchange.</summary>
[KafkaRequest(ApiKey.SaslAuthenticate, versions: "0-2", flexible: "2+")]
public sealed partial class SaslAuthenticateRequest
{
    [Field("0+")] public ReadOnlyMemory<byte> AuthBytes { get; set; }
}

/// <summary>The broker's answer to the step.</summary>
[KafkaResponse(ApiKey.SaslAuthenticate, versions: "0-2", flexible: "2+")]
public sealed partial class SaslAuthenticateResponse
{
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; } = "";
    [Field("0+")] public ReadOnlyMemory<byte> AuthBytes { get; set; }
    [Field("1+", Ignorable = true)] public long SessionLifetimeMs { get; set; }
}
