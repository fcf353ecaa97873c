using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>Describes the brokers. v1 asks for controllers, v2 shows fenced brokers.</summary>
[KafkaRequest(ApiKey.DescribeCluster, versions: "0-2", flexible: "0+")]
public sealed partial class DescribeClusterRequest
{
    [Field("0+")] public bool IncludeClusterAuthorizedOperations { get; set; }
    [Field("1+")] public sbyte EndpointType { get; set; } = 1;
    [Field("2+")] public bool IncludeFencedBrokers { get; set; }
}

/// <summary>Brokers, controller and cluster id.</summary>
[KafkaResponse(ApiKey.DescribeCluster, versions: "0-2", flexible: "0+")]
public sealed partial class DescribeClusterResponse
{
    [Field("0+")] public int ThrottleTimeMs { get; set; }
    [Field("0+")] public ErrorCode ErrorCode { get; set; }
    [Field("0+", Nullable = "0+")] public string? ErrorMessage { get; set; }
    [Field("1+")] public sbyte EndpointType { get; set; } = 1;
    [Field("0+")] public string ClusterId { get; set; } = "";
    [Field("0+")] public int ControllerId { get; set; } = -1;
    [Field("0+")] public WireList<DescribeClusterBroker> Brokers { get; set; } = [];
    [Field("0+")] public int ClusterAuthorizedOperations { get; set; } = int.MinValue;

    [KafkaStruct]
    public sealed partial class DescribeClusterBroker
    {
        [Field("0+")] public int BrokerId { get; set; }
        [Field("0+")] public string Host { get; set; } = "";
        [Field("0+")] public int Port { get; set; }
        [Field("0+", Nullable = "0+")] public string? Rack { get; set; }
        [Field("2+")] public bool IsFenced { get; set; }
    }
}
