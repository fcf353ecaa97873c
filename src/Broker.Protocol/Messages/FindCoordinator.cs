using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Finds the broker that coordinates a group or a transactional id. v4 asks for several keys at once, v6 for
/// share groups.</summary>
[KafkaRequest(ApiKey.FindCoordinator, versions: "0-6", flexible: "3+")]
public sealed partial class FindCoordinatorRequest
{
    [Field("0-3")] public string Key { get; set; } = "";
    [Field("1+")] public sbyte KeyType { get; set; }
    [Field("4+")] public WireList<string> CoordinatorKeys { get; set; } = [];
}

/// <summary>The coordinator of each key.</summary>
[KafkaResponse(ApiKey.FindCoordinator, versions: "0-6", flexible: "3+")]
public sealed partial class FindCoordinatorResponse
{
    [Field("1+", Ignorable = true)] public int ThrottleTimeMs { get; set; }
    [Field("0-3")] public ErrorCode ErrorCode { get; set; }
    [Field("1-3", Nullable = "1-3", Ignorable = true)] public string? ErrorMessage { get; set; } = "";
    [Field("0-3")] public int NodeId { get; set; }
    [Field("0-3")] public string Host { get; set; } = "";
    [Field("0-3")] public int Port { get; set; }
    [Field("4+")] public WireList<Coordinator> Coordinators { get; set; } = [];

    [KafkaStruct]
    public sealed partial class Coordinator
    {
        [Field("4+")] public string Key { get; set; } = "";
        [Field("4+")] public int NodeId { get; set; }
        [Field("4+")] public string Host { get; set; } = "";
        [Field("4+")] public int Port { get; set; }
        [Field("4+")] public ErrorCode ErrorCode { get; set; }
        [Field("4+", Nullable = "4+", Ignorable = true)] public string? ErrorMessage { get; set; } = "";
    }
}
