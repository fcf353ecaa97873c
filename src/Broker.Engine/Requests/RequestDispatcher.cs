using System.Buffers.Binary;
using System.Diagnostics;
using Broker.Engine.Diagnostics;
using Broker.Engine.Network;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Requests;

/// <summary>
/// From a frame to its handler. Unknown keys and unsupported versions cost the connection, for which no error body exists
/// (trap 5), except ApiVersions, which answers version 0 (trap 1). Thread-safe.
/// </summary>
internal sealed partial class RequestDispatcher
{
    private readonly NetworkThreadHandler?[] _network = new NetworkThreadHandler?[128];
    private readonly WorkerHandler?[] _workers = new WorkerHandler?[128];
    private readonly ApiHandler?[] _all = new ApiHandler?[128];
    private readonly WorkerThreads _threads;
    private readonly BufferPool _pool;
    private readonly CancellationToken _stopping;
    private readonly ILogger _logger;

    public RequestDispatcher(
        IEnumerable<ApiHandler> handlers, WorkerThreads threads, BufferPool pool, RequestMetrics metrics, ILogger logger,
        CancellationToken stopping)
    {
        foreach (ApiHandler handler in handlers)
        {
            int key = (short)handler.Api.Key;
            _all[key] = handler;
            _network[key] = handler as NetworkThreadHandler;
            _workers[key] = handler as WorkerHandler;
        }
        _threads = threads;
        _pool = pool;
        _logger = logger;
        _stopping = stopping;
        Metrics = metrics;
    }

    public RequestMetrics Metrics { get; }

    /// <summary>Called when a connection has ended.</summary>
    public Action<ClientConnection>? ConnectionClosed { get; set; }

    /// <summary>Begins a request; null closes the connection.</summary>
    public PendingResponse? Dispatch(ClientConnection connection, ReceiveBuffer buffer, int offset, int length)
    {
        if (length < RequestHeader.FixedBytes)
        {
            throw new MalformedRequestException($"a frame of {length} bytes is too short for a request header");
        }
        short key = BinaryPrimitives.ReadInt16BigEndian(buffer.Array.AsSpan(offset));
        short version = BinaryPrimitives.ReadInt16BigEndian(buffer.Array.AsSpan(offset + 2));
        ApiHandler? handler = (uint)key < (uint)_all.Length ? _all[key] : null;
        if (handler is null)
        {
            LogUnknown(connection.ClientHost, key, version);
            return null;
        }
        ApiInfo api = handler.Api;
        long now = Stopwatch.GetTimestamp();
        if (version < handler.LowestVersion || version > handler.HighestVersion)
        {
            if (api.Key != ApiKey.ApiVersions)
            {
                LogUnsupported(connection.ClientHost, api.Key, version, handler.LowestVersion, handler.HighestVersion);
                return null;
            }
            int id = BinaryPrimitives.ReadInt32BigEndian(buffer.Array.AsSpan(offset + 4));
            var unknown = new RequestArrival(key, 0, id, ResponseHeaderVersion: 0, length, now);
            return UnsupportedApiVersions(connection, unknown, handler);
        }
        var reader = new KafkaReader(buffer.Array, offset, length);
        RequestHeader header = RequestHeader.Read(ref reader, api.RequestHeaderVersion(version));
        connection.SetClientId(header.ClientId);
        var arrival = new RequestArrival(
            key, version, header.CorrelationId, api.ResponseHeaderVersion(version), length, now);
        return _network[key] is { } network
            ? network.Handle(connection, arrival, ref reader, buffer)
            : ToWorker(_workers[key]!, connection, arrival, buffer, offset + reader.Position, length - reader.Position);
    }

    private WorkerRequest ToWorker(
        WorkerHandler handler, ClientConnection connection, in RequestArrival arrival, ReceiveBuffer buffer, int offset, int length)
    {
        var request = new WorkerRequest(handler, _logger, _stopping);
        request.Begin(connection, arrival);
        request.Keep(buffer, offset, length, _pool);
        _pool.RequestQueued();
        _threads.Run(request.Run);
        return request;
    }

    private static ReadyResponse UnsupportedApiVersions(
        ClientConnection connection, in RequestArrival arrival, ApiHandler handler)
    {
        var response = new ApiVersionsResponse { ErrorCode = ErrorCode.UnsupportedVersion };
        response.ApiKeys.Add(new()
        {
            ApiKey = (short)ApiKey.ApiVersions,
            MinVersion = handler.LowestVersion,
            MaxVersion = handler.HighestVersion,
        });
        return new ReadyResponse(connection, arrival, response);
    }

    internal void OnConnectionClosed(ClientConnection connection, string reason)
    {
        LogClosed(connection.ClientHost, connection.Transport.Remote.Port, reason);
        ConnectionClosed?.Invoke(connection);
    }

    internal void LogMalformed(ClientConnection connection, MalformedRequestException e) =>
        LogMalformed(connection.ClientHost, connection.ClientId, e.Message);

    internal void LogFailed(ClientConnection connection, Exception e) => LogFailed(connection.ClientHost, connection.ClientId, e);

    [LoggerMessage(1024, LogLevel.Error, "a request of {Host} (client '{ClientId}') failed; its connection is closed", EventName = "NetworkRequestFailed")]
    private partial void LogFailed(string host, string clientId, Exception exception);

    [LoggerMessage(1020, LogLevel.Warning, "malformed request from {Host} (client '{ClientId}'): {Reason}; its connection is closed", EventName = "FrameMalformed")]
    private partial void LogMalformed(string host, string clientId, string reason);

    [LoggerMessage(1021, LogLevel.Warning, "unknown API key {Key} v{Version} from {Host}; its connection is closed", EventName = "UnknownApi")]
    private partial void LogUnknown(string host, short key, short version);

    [LoggerMessage(1022, LogLevel.Warning, "{Api} v{Version} from {Host}, where v{Low} to v{High} are served; its connection is closed", EventName = "UnsupportedVersion")]
    private partial void LogUnsupported(string host, ApiKey api, short version, short low, short high);

    [LoggerMessage(1023, LogLevel.Debug, "connection of {Host}:{Port} ended: {Reason}", EventName = "ConnectionEnded")]
    private partial void LogClosed(string host, int port, string reason);
}

/// <summary>An answer that is ready as it is made, for what is rare.</summary>
internal sealed class ReadyResponse : PendingResponse
{
    private readonly IKafkaMessage _message;

    public ReadyResponse(ClientConnection connection, in RequestArrival arrival, IKafkaMessage message)
    {
        _message = message;
        Begin(connection, arrival);
        LocalDoneAt = Stopwatch.GetTimestamp();
        ReadyNow(LocalDoneAt);
    }

    protected internal override void Write(KafkaWriter writer) => _message.Write(writer, Arrival.Version);

    protected internal override void CountErrors(IErrorCounter counter) => _message.CountErrors(counter, Arrival.Version);

    protected internal override void Release() { }
}
