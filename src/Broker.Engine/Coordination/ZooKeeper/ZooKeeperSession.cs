using Broker.Engine.Coordination.Jute;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>
/// A session with an ensemble. Requests are pipelined over one connection, in order. While there is none they wait: as long as
/// the ensemble has not ended the session nothing fails. A read whose answer was lost is sent again; a write is first looked
/// up, and sent again only where it has not been carried out. Thread-safe.
/// </summary>
internal sealed partial class ZooKeeperSession : ICoordinationSession
{
    /// <summary>Longest request, bytes: jute.maxbuffer of an ensemble that was not told otherwise.</summary>
    public const int RequestBytesMax = ICoordinationStore.DataBytesMax;

    /// <summary>How long a closing session waits for the ensemble's word, and how long where it has no connection just then.</summary>
    private static readonly TimeSpan s_closeMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_closeWithoutLinkMax = TimeSpan.FromSeconds(2);

    /// <summary>The least time that a server has to take a connection.</summary>
    private static readonly TimeSpan s_connectMin = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Queue<KeeperRequest> _waiting = new();
    private readonly Queue<KeeperRequest> _inFlight = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ZooKeeperOptions _options;
    private readonly ServerAddress[] _servers;
    private readonly TimeSpan _asked;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILogger _logger;
    private Task _running = Task.CompletedTask;
    private long _lastZxid;
    private int _nextXid;
    private bool _hasEnded;
    private int _disposed;

    private ZooKeeperSession(ZooKeeperOptions options, TimeSpan timeout, TimeProvider time, Random random, ILogger logger)
    {
        _options = options;
        _asked = timeout;
        Timeout = timeout;
        _time = time;
        _random = random;
        _logger = logger;
        _servers = [.. options.Servers];
        random.Shuffle(_servers);
    }

    public long Id { get; private set; }

    public TimeSpan Timeout { get; private set; }

    public CancellationToken Ended => _ended.Token;

    /// <summary>Why the last server that was tried could not be used.</summary>
    private string? LastFailure { get; set; }

    /// <summary>Opens a session.</summary>
    /// <exception cref="CoordinationException">No server took it within the connection timeout (ConnectionLoss).</exception>
    public static async ValueTask<ZooKeeperSession> OpenAsync(
        ZooKeeperOptions options, TimeSpan timeout, TimeProvider time, Random random, ILogger logger, CancellationToken cancellationToken)
    {
        var session = new ZooKeeperSession(options, timeout, time, random, logger);
        _ = Task.Run(session.TellAllAsync, CancellationToken.None);
        session._running = Task.Run(session.RunAsync, CancellationToken.None);
        try
        {
            await session._opened.Task.WaitAsync(options.ConnectionTimeout, time, cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            await session.DisposeAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            throw new CoordinationException(
                CoordinationError.ConnectionLoss, options.Shown,
                $"ZooKeeper at {options.Shown} cannot be reached within {options.ConnectionTimeout.TotalMilliseconds:0} ms "
                + $"({session.LastFailure ?? "no answer"})");
        }
    }

    public async ValueTask<CreateResult> CreateAsync(
        string path, ReadOnlyMemory<byte> data, CreateMode mode, CancellationToken cancellationToken)
    {
        CoordinationOperation operation = CoordinationOperation.Create(path, data, mode);
        WriteOutcome written = await WriteAsync(OpCode.Create2, operation, cancellationToken).ConfigureAwait(false);
        if (written.Error != CoordinationError.None)
        {
            return new CreateResult(written.Error, path, default);
        }
        return written.Found is { } found
            ? new CreateResult(CoordinationError.None, found[0].Path, found[0].Stat) : ReadCreated(written.Reply.Body.Span);
    }

    private CreateResult ReadCreated(ReadOnlySpan<byte> body)
    {
        var reader = new JuteReader(body);
        string path = Short(reader.ReadString("path"));
        return new CreateResult(CoordinationError.None, path, reader.ReadStat());
    }

    public async ValueTask<GetResult> GetAsync(string path, CancellationToken cancellationToken)
    {
        KeeperReply reply = await ReadAsync(OpCode.GetData, path, watch: false, cancellationToken).ConfigureAwait(false);
        return reply.Error == CoordinationError.None ? Read(reply.Body) : new GetResult(reply.Error, default, default);

        static GetResult Read(ReadOnlyMemory<byte> body)
        {
            var reader = new JuteReader(body.Span);
            int length = reader.ReadBytes("data").Length;
            return new GetResult(CoordinationError.None, body.Slice(sizeof(int), length), reader.ReadStat());
        }
    }

    public ValueTask<StatResult> SetAsync(
        string path, ReadOnlyMemory<byte> data, int version, CancellationToken cancellationToken) =>
        OneAsync(OpCode.SetData, CoordinationOperation.Set(path, data, version), cancellationToken);

    public ValueTask<StatResult> DeleteAsync(string path, int version, CancellationToken cancellationToken) =>
        OneAsync(OpCode.Delete, CoordinationOperation.Delete(path, version), cancellationToken);

    private async ValueTask<StatResult> OneAsync(OpCode code, CoordinationOperation operation, CancellationToken cancellationToken)
    {
        WriteOutcome written = await WriteAsync(code, operation, cancellationToken).ConfigureAwait(false);
        NodeStat stat = written.Error != CoordinationError.None || code == OpCode.Delete ? default
            : written.Found is { } found ? found[0].Stat : new JuteReader(written.Reply.Body.Span).ReadStat();
        return new StatResult(written.Error, stat);
    }

    public async ValueTask<StatResult> ExistsAsync(string path, CancellationToken cancellationToken)
    {
        KeeperReply reply = await ReadAsync(OpCode.Exists, path, watch: false, cancellationToken).ConfigureAwait(false);
        return new StatResult(
            reply.Error, reply.Error == CoordinationError.None ? new JuteReader(reply.Body.Span).ReadStat() : default);
    }

    public async ValueTask<ChildrenResult> GetChildrenAsync(string path, CancellationToken cancellationToken)
    {
        KeeperReply reply = await ReadAsync(OpCode.GetChildren2, path, watch: false, cancellationToken).ConfigureAwait(false);
        return reply.Error == CoordinationError.None ? Read(reply.Body.Span) : new ChildrenResult(reply.Error, [], default);

        static ChildrenResult Read(ReadOnlySpan<byte> body)
        {
            var reader = new JuteReader(body);
            List<string> names = reader.ReadStrings("children");
            names.Sort(StringComparer.Ordinal);
            return new ChildrenResult(CoordinationError.None, names, reader.ReadStat());
        }
    }

    /// <summary>The session pings by itself: this tells only whether it lives.</summary>
    public ValueTask<CoordinationError> HeartbeatAsync(CancellationToken cancellationToken) =>
        new(_ended.IsCancellationRequested ? CoordinationError.SessionExpired : CoordinationError.None);

    /// <summary>Sends a read until it is answered.</summary>
    private async ValueTask<KeeperReply> ReadAsync(OpCode code, string path, bool watch, CancellationToken cancellationToken)
    {
        if (!NodePath.IsValid(path))
        {
            return new KeeperReply(ReplyKind.Answered, (int)KeeperCode.BadArguments, default);
        }
        var writer = new JuteWriter();
        writer.WriteString(Full(path));
        writer.WriteBool(watch);
        byte[] body = writer.ToArray();
        while (true)
        {
            KeeperReply reply = await SendAsync(code, body, cancellationToken).ConfigureAwait(false);
            if (reply.Kind != ReplyKind.Lost)
            {
                return reply;
            }
        }
    }

    private Task<KeeperReply> SendAsync(
        OpCode code, ReadOnlyMemory<byte> body, CancellationToken cancellationToken, Action<KeeperReply>? onAnswer = null)
    {
        var request = new KeeperRequest(code, body, onAnswer);
        lock (_lock)
        {
            if (_hasEnded)
            {
                return Task.FromResult(new KeeperReply(ReplyKind.Ended, 0, default));
            }
            _waiting.Enqueue(request);
        }
        Wake();
        return request.Reply.WaitAsync(cancellationToken);
    }

    private string Full(string path) => _options.Chroot.Length == 0 ? path : path == NodePath.Root ? _options.Chroot : _options.Chroot + path;

    private string Short(string path) => _options.Chroot.Length == 0 || !path.StartsWith(_options.Chroot, StringComparison.Ordinal) ? path
        : path.Length == _options.Chroot.Length ? NodePath.Root : path[_options.Chroot.Length..];

    /// <summary>Ends the session; its ephemeral nodes are gone when this returns, if the ensemble can be reached.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            if (_opened.Task.IsCompletedSuccessfully)
            {
                TimeSpan wait = Volatile.Read(ref _link) is not null ? s_closeMax : s_closeWithoutLinkMax;
                try
                {
                    await CloseAsync().WaitAsync(wait, _time).ConfigureAwait(false);
                }
                catch (TimeoutException)
                {
                    LogNotClosed(Id);
                }
            }
            await _stopping.CancelAsync().ConfigureAwait(false);
        }
        await _running.ConfigureAwait(false);
    }

    /// <summary>A closing whose answer is lost is asked for again: where it was done, the ensemble knows the session no more.</summary>
    private async Task CloseAsync()
    {
        while ((await SendAsync(OpCode.CloseSession, default, CancellationToken.None).ConfigureAwait(false)).Kind == ReplyKind.Lost)
        {
            // until a server answers, or says that the session has ended
        }
    }

    private bool IsClosing => Volatile.Read(ref _disposed) != 0;

    [LoggerMessage(7060, LogLevel.Warning, "ZooKeeper {Server} cannot be reached: {Reason}; trying on", EventName = "ZooKeeperUnreachable")]
    private partial void LogUnreachable(ServerAddress server, string reason);

    [LoggerMessage(7061, LogLevel.Information, "ZooKeeper session 0x{Session:x} is open at {Server}, timeout {TimeoutMs} ms", EventName = "ZooKeeperOpened")]
    private partial void LogOpened(long session, ServerAddress server, double timeoutMs);

    [LoggerMessage(7062, LogLevel.Information, "ZooKeeper session 0x{Session:x} goes on at {Server}", EventName = "ZooKeeperReconnected")]
    private partial void LogReconnected(long session, ServerAddress server);

    [LoggerMessage(7063, LogLevel.Warning, "ZooKeeper session 0x{Session:x} has lost {Server}: {Reason}", EventName = "ZooKeeperDisconnected")]
    private partial void LogDisconnected(long session, ServerAddress server, string reason);

    [LoggerMessage(7064, LogLevel.Warning, "ZooKeeper session 0x{Session:x} has expired", EventName = "ZooKeeperExpired")]
    private partial void LogExpired(long session);

    [LoggerMessage(7065, LogLevel.Warning, "ZooKeeper did not answer the end of session 0x{Session:x}: its nodes go when it expires", EventName = "ZooKeeperNotClosed")]
    private partial void LogNotClosed(long session);

    [LoggerMessage(7066, LogLevel.Error, "a ZooKeeper transaction of {Operations} operations has {Bytes} bytes, above jute.maxbuffer of {BytesMax}", EventName = "ZooKeeperTooLarge")]
    private partial void LogTooLarge(int operations, int bytes, int bytesMax);
}
