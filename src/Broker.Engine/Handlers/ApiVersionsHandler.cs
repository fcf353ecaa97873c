using System.Diagnostics;
using System.Text.RegularExpressions;
using Broker.Engine.Network;
using Broker.Engine.Requests;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Handlers;

/// <summary>ApiVersions, answered from the list of handlers: nothing is advertised that is not served.</summary>
internal sealed partial class ApiVersionsHandler : NetworkThreadHandler
{
    private readonly ApiVersionsResponse _response = new();

    public ApiVersionsHandler() : base(ApiKey.ApiVersions) { }

    /// <summary>Kafka's pattern of a client's software name and version (KIP-511, trap 4).</summary>
    [GeneratedRegex(@"^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?\z")]
    private static partial Regex SoftwareName();

    /// <summary>Takes the list that the answer is made from; once, before the first request.</summary>
    public void Advertise(IEnumerable<ApiHandler> handlers)
    {
        foreach (ApiHandler handler in handlers.Where(h => h.IsAdvertised).OrderBy(h => h.Api.Key))
        {
            _response.ApiKeys.Add(new()
            {
                ApiKey = (short)handler.Api.Key,
                MinVersion = handler.AdvertisedLowestVersion,
                MaxVersion = handler.HighestVersion,
            });
        }
    }

    /// <summary>The APIs and versions advertised.</summary>
    public IReadOnlyList<ApiVersionsResponse.ApiVersion> Advertised => _response.ApiKeys;

    public override PendingResponse Handle(
        ClientConnection connection, in RequestArrival arrival, ref KafkaReader body, ReceiveBuffer buffer)
    {
        var request = new ApiVersionsRequest();
        request.Read(ref body, arrival.Version);
        if (arrival.Version < 3)
        {
            return new ReadyResponse(connection, arrival, _response);
        }
        if (!SoftwareName().IsMatch(request.ClientSoftwareName) || !SoftwareName().IsMatch(request.ClientSoftwareVersion))
        {
            return new ReadyResponse(connection, arrival, new ApiVersionsResponse { ErrorCode = ErrorCode.InvalidRequest });
        }
        connection.ClientSoftwareName = request.ClientSoftwareName;
        connection.ClientSoftwareVersion = request.ClientSoftwareVersion;
        Debug.Assert(_response.ApiKeys.Count > 0, "Advertise was not called");
        return new ReadyResponse(connection, arrival, _response);
    }
}
