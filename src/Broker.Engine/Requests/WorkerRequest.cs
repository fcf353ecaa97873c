using System.Diagnostics;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Requests;

/// <summary>
/// A request on its way through a worker thread. The answer is encoded there; the network thread only copies it out. An
/// exception that no handler should throw is logged and costs the connection, so that the client asks again.
/// </summary>
internal sealed partial class WorkerRequest : PendingResponse
{
    private readonly WorkerHandler _handler;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _closing;
    private readonly KafkaWriter _writer = new(256);
    private BufferPool? _pool;
    private ReceiveBuffer? _frame;
    private int _bodyAt;
    private int _bodyEnd;
    private bool _failed;
    private readonly ErrorTally _errors = new();

    public WorkerRequest(WorkerHandler handler, ILogger logger, CancellationToken brokerStops)
    {
        _handler = handler;
        _logger = logger;
        _closing = CancellationTokenSource.CreateLinkedTokenSource(brokerStops);
    }

    public override bool HasResponse => !_failed;

    public override bool ClosesConnection => _failed;

    /// <summary>Keeps the frame.</summary>
    public void Keep(ReceiveBuffer buffer, int offset, int length, BufferPool pool)
    {
        _pool = pool;
        (_frame, _bodyAt) = pool.Keep(buffer, offset, length);
        _bodyEnd = _bodyAt + length;
    }

    /// <summary>Runs on a worker.</summary>
    public void Run()
    {
        TakenAt = Stopwatch.GetTimestamp();
        _pool!.RequestTaken();
        ValueTask<IKafkaMessage> answer;
        try
        {
            var body = new KafkaReader(_frame!.Array, _bodyAt, _bodyEnd - _bodyAt);
            answer = _handler.HandleAsync(
                new RequestContext(Connection, Arrival.Version, Connection.ClientId, _closing.Token), ref body);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Fail(e);
            return;
        }
        if (answer.IsCompleted)
        {
            Finish(answer);
        }
        else
        {
            LocalDoneAt = Stopwatch.GetTimestamp();
            _ = FinishLaterAsync(answer);
        }
    }

    private async Task FinishLaterAsync(ValueTask<IKafkaMessage> answer)
    {
        try
        {
            await answer.ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Fail(e);
            return;
        }
        Finish(answer);
    }

    private void Finish(ValueTask<IKafkaMessage> answer)
    {
        try
        {
            IKafkaMessage message = answer.Result;
            message.Write(_writer, Arrival.Version);
            message.CountErrors(_errors, Arrival.Version);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Fail(e);
            return;
        }
        ReleaseFrame();
        Complete(Stopwatch.GetTimestamp());
    }

    private void Fail(Exception e)
    {
        if (e is MalformedRequestException)
        {
            LogMalformed(_handler.Api.Key, Connection.ClientHost, Connection.ClientId, e.Message);
        }
        else if (e is OvertakenRequestException)
        {
            LogOvertaken(_handler.Api.Key, Connection.ClientHost, Connection.ClientId);
        }
        else if (!_closing.IsCancellationRequested)
        {
            LogFailed(_handler.Api.Key, Arrival.Version, Connection.ClientId, e);
        }
        _failed = true;
        ReleaseFrame();
        Complete(Stopwatch.GetTimestamp());
    }

    private void ReleaseFrame()
    {
        _frame?.Release();
        _frame = null;
    }

    protected internal override void Write(KafkaWriter writer) => writer.WriteRaw(_writer.WrittenSpan);

    protected internal override void CountErrors(IErrorCounter counter) => _errors.CopyTo(counter);

    protected internal override void Release() => _closing.Dispose();

    protected internal override bool TryAbandon()
    {
        // What waits on the token ends soon and completes; the place in the order is given up then.
        _closing.Cancel();
        return false;
    }

    /// <summary>The answer's error codes, counted on the worker so that the network thread need not look for them.</summary>
    private sealed class ErrorTally : IErrorCounter
    {
        private readonly List<(ErrorCode Code, int Times)> _codes = [];

        public void Add(ErrorCode code, int times = 1)
        {
            if (_codes.Count > 0 && _codes[^1].Code == code)
            {
                _codes[^1] = (code, _codes[^1].Times + times);
                return;
            }
            _codes.Add((code, times));
        }

        public void CopyTo(IErrorCounter counter)
        {
            foreach ((ErrorCode code, int times) in _codes)
            {
                counter.Add(code, times);
            }
        }
    }

    [LoggerMessage(2002, LogLevel.Error, "{Api} v{Version} of client '{ClientId}' failed; its connection is closed", EventName = "RequestFailed")]
    private partial void LogFailed(ApiKey api, short version, string clientId, Exception exception);

    [LoggerMessage(2004, LogLevel.Information, "{Api} request from {Host} (client '{ClientId}') came after later ones of another connection; its connection is closed", EventName = "RequestOvertaken")]
    private partial void LogOvertaken(ApiKey api, string host, string clientId);

    [LoggerMessage(2003, LogLevel.Warning, "malformed {Api} request from {Host} (client '{ClientId}'): {Reason}; its connection is closed", EventName = "RequestMalformed")]
    private partial void LogMalformed(ApiKey api, string host, string clientId, string reason);
}

/// <summary>A request came so late that its sender has sent it again, and others after it, over another connection.</summary>
internal sealed class OvertakenRequestException : Exception;
