using Broker.Engine.Network;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Engine.Requests;

/// <summary>Serves one API. <c>AllHandlers</c> lists them all, and ApiVersions answers from that list.</summary>
internal abstract class ApiHandler
{
    protected ApiHandler(ApiKey key)
    {
        Api = ApiCatalog.Get(key);
    }

    public ApiInfo Api { get; }

    /// <summary>Lowest version served.</summary>
    public virtual short LowestVersion => Api.LowestVersion;

    /// <summary>Highest version served.</summary>
    public virtual short HighestVersion => Api.HighestVersion;

    /// <summary>Lowest version advertised: lower than served for Produce alone (trap 6).</summary>
    public virtual short AdvertisedLowestVersion => LowestVersion;

    /// <summary>False for what only brokers send each other.</summary>
    public virtual bool IsAdvertised => true;
}

/// <summary>An API that the network threads serve themselves: it never blocks and, in steady state, allocates nothing.</summary>
internal abstract class NetworkThreadHandler(ApiKey key) : ApiHandler(key)
{
    /// <summary>Carries the request out, or lets it wait.</summary>
    /// <param name="connection">Whose it is.</param>
    /// <param name="arrival">Its header.</param>
    /// <param name="body">Its body.</param>
    /// <param name="buffer">What <paramref name="body"/> reads from; a reference keeps it beyond the call.</param>
    /// <returns>The answer, ready or pending.</returns>
    /// <exception cref="MalformedRequestException">The body is not a request of this version.</exception>
    public abstract PendingResponse Handle(
        ClientConnection connection, in RequestArrival arrival, ref KafkaReader body, ReceiveBuffer buffer);
}

/// <summary>An API that a worker thread serves: it may block, wait and allocate.</summary>
internal abstract class WorkerHandler(ApiKey key) : ApiHandler(key)
{
    public abstract ValueTask<IKafkaMessage> HandleAsync(RequestContext context, ref KafkaReader body);
}

/// <summary>A worker's API with its messages.</summary>
internal abstract class WorkerHandler<TRequest, TResponse>() : WorkerHandler(TRequest.Api)
    where TRequest : class, IApiMessage, new()
    where TResponse : class, IApiMessage
{
    public sealed override ValueTask<IKafkaMessage> HandleAsync(RequestContext context, ref KafkaReader body)
    {
        var request = new TRequest();
        request.Read(ref body, context.Version);
        ValueTask<TResponse> response = HandleAsync(context, request);
        return response.IsCompletedSuccessfully ? new ValueTask<IKafkaMessage>(response.Result) : Await(response);
    }

    /// <summary>Carries the request out. A client's fault is an error code in the response, never an exception.</summary>
    protected abstract ValueTask<TResponse> HandleAsync(RequestContext context, TRequest request);

    private static async ValueTask<IKafkaMessage> Await(ValueTask<TResponse> response) =>
        await response.ConfigureAwait(false);
}

/// <summary>A worker's API that answers in one go.</summary>
internal abstract class DirectHandler<TRequest, TResponse> : WorkerHandler<TRequest, TResponse>
    where TRequest : class, IApiMessage, new()
    where TResponse : class, IApiMessage
{
    /// <summary>Carries the request out; may block.</summary>
    protected abstract TResponse Handle(RequestContext context, TRequest request);

    protected sealed override ValueTask<TResponse> HandleAsync(RequestContext context, TRequest request) =>
        new(Handle(context, request));
}

/// <summary>What a worker's handler may know of where a request comes from.</summary>
/// <param name="Connection">The connection; for its facts, not for writing.</param>
/// <param name="Version">The request's version.</param>
/// <param name="ClientId">The client's name for itself.</param>
/// <param name="Closing">Cancelled when the connection or the broker ends.</param>
internal sealed record RequestContext(
    ClientConnection Connection, short Version, string ClientId, CancellationToken Closing)
{
    /// <summary>Kafka's form of a host: a slash before the address.</summary>
    public string ClientHost => "/" + Connection.ClientHost;

    /// <summary>The listener that the client used: metadata names the brokers' end points on it.</summary>
    public string Listener => Connection.Transport.Listener;
}
