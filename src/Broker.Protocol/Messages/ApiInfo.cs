namespace Broker.Protocol.Messages;

/// <summary>What the declarations say of one API.</summary>
/// <param name="Key">The API key.</param>
/// <param name="LowestVersion">Lowest version declared.</param>
/// <param name="HighestVersion">Highest version declared.</param>
/// <param name="FirstFlexibleVersion">First flexible version, <see cref="short.MaxValue"/> if none.</param>
/// <param name="NewRequest">Makes an empty request.</param>
/// <param name="NewResponse">Makes an empty response.</param>
public sealed record ApiInfo(
    ApiKey Key,
    short LowestVersion,
    short HighestVersion,
    short FirstFlexibleVersion,
    Func<IKafkaMessage> NewRequest,
    Func<IKafkaMessage> NewResponse)
{
    /// <summary>Request header version: 2 for flexible requests, else 1 (v0 existed only for ControlledShutdown v0).
    /// Source: Kafka ApiMessageTypeGenerator.</summary>
    public short RequestHeaderVersion(short version) => (short)(version >= FirstFlexibleVersion ? 2 : 1);

    /// <summary>Response header version: 1 for flexible responses, but always 0 for ApiVersions, because a client
    /// reads that response before it knows what the broker speaks.</summary>
    public short ResponseHeaderVersion(short version) =>
        (short)(Key != ApiKey.ApiVersions && version >= FirstFlexibleVersion ? 1 : 0);
}
