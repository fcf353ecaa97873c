namespace Broker.Engine.Handlers;

/// <summary>Bit sets of the operations that a resource knows (Kafka: AclEntry.supportedOperations, bit = AclOperation code).
/// Without an authorizer a client may do them all.</summary>
internal static class AuthorizedOperations
{
    /// <summary>What a response says when it was not asked (trap 14).</summary>
    public const int NotAsked = int.MinValue;

    private const int Read = 1 << 3;
    private const int Write = 1 << 4;
    private const int Create = 1 << 5;
    private const int Delete = 1 << 6;
    private const int Alter = 1 << 7;
    private const int Describe = 1 << 8;
    private const int ClusterAction = 1 << 9;
    private const int DescribeConfigs = 1 << 10;
    private const int AlterConfigs = 1 << 11;
    private const int IdempotentWrite = 1 << 12;

    public const int Topic = Read | Write | Create | Delete | Alter | Describe | DescribeConfigs | AlterConfigs;
    public const int Group = Read | Describe | Delete | DescribeConfigs | AlterConfigs;
    public const int Cluster = Create | ClusterAction | DescribeConfigs | AlterConfigs | IdempotentWrite | Alter | Describe;
}
