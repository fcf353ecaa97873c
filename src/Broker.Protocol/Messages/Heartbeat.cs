namespace Broker.Protocol.Messages;

/// <summary>Keeps a member of a classic group alive.</summary>
[KafkaRequest(ApiKey.Heartbeat, versions: "0-4", flexible: "4+")]
public sealed partial class HeartbeatRequest
{
    [Field("0+")] public string GroupId { get; set; } = "";
    [Field("0+")] public int GenerationId { get; set; }
    [Field("0+")] public string MemberId { get; set; } = "";
    [Field("3+", Nullable = "3+")] public string? GroupInstanceId { get; set; }
}

/// <summary>Whether the member has to rejoin.</summary>
[KafkaResponse(ApiKey.Heartbeat, versions: "0-4", flexible: "4+")]
public sealed partial class HeartbeatResponse
{
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
}
