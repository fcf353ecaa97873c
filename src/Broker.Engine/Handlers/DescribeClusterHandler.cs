using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>DescribeCluster: the live brokers, as the client's listener reaches them.</summary>
internal sealed class DescribeClusterHandler(MetadataCache metadata, string clusterId)
    : DirectHandler<DescribeClusterRequest, DescribeClusterResponse>
{
    /// <summary>Kind of end point that a client of a broker's listener asks for (KIP-919); 2 would be controllers.</summary>
    private const sbyte BrokerEndpoints = 1;

    protected override DescribeClusterResponse Handle(RequestContext context, DescribeClusterRequest request)
    {
        if (request.EndpointType != BrokerEndpoints)
        {
            return new DescribeClusterResponse
            {
                ErrorCode = request.EndpointType == 2 ? ErrorCode.MismatchedEndpointType : ErrorCode.UnsupportedEndpointType,
                ErrorMessage = request.EndpointType == 2
                    ? "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
                    : $"Unsupported endpoint type {request.EndpointType}",
            };
        }
        MetadataImage image = metadata.Current;
        var response = new DescribeClusterResponse
        {
            ClusterId = clusterId,
            ControllerId = image.ControllerId,
            ClusterAuthorizedOperations = request.IncludeClusterAuthorizedOperations
                ? AuthorizedOperations.Cluster : AuthorizedOperations.NotAsked,
        };
        foreach (BrokerImage broker in image.Brokers.Values.OrderBy(b => b.Id))
        {
            if (broker.On(context.Listener) is { } endpoint)
            {
                response.Brokers.Add(
                    new() { BrokerId = broker.Id, Host = endpoint.Host, Port = endpoint.Port, Rack = broker.Rack });
            }
        }
        return response;
    }
}
