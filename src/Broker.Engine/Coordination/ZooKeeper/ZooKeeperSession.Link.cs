using System.Threading.Channels;
using Broker.Engine.Coordination.Jute;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>The connection: found, kept, and replaced by one to another server for as long as the ensemble keeps the
/// session.</summary>
internal sealed partial class ZooKeeperSession
{
    /// <summary>Requests go out together up to this, bytes.</summary>
    private const int WriteBytes = 64 * 1024;

    /// <summary>Longest wait before the next server is tried, milliseconds.</summary>
    private const int RetryMsMax = 1000;

    /// <summary>Watched paths in one setWatches, characters.</summary>
    private const int SetWatchesChars = 128 * 1024;

    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private KeeperLink? _link;
    private byte[] _password = new byte[ConnectRequest.PasswordBytes];
    private bool _pingDue;
    private int _server;
    private bool _toldUnreachable;

    /// <summary>Why no server takes the session; null while one does.</summary>
    public string? Outage => Volatile.Read(ref _toldUnreachable) ? LastFailure : null;

    private async Task RunAsync()
    {
        try
        {
            while (!_stopping.IsCancellationRequested)
            {
                using KeeperLink? link = await ConnectAsync().ConfigureAwait(false);
                if (link is null || link.Response.TimeoutMs <= 0)
                {
                    return;   // stopped, or the ensemble has ended the session
                }
                await ServeAsync(link).ConfigureAwait(false);
                LoseInFlight();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // closed
        }
        finally
        {
            Finish();
        }
    }

    /// <summary>Tries one server after the other until one takes the session.</summary>
    private async Task<KeeperLink?> ConnectAsync()
    {
        while (true)
        {
            _stopping.Token.ThrowIfCancellationRequested();
            ServerAddress server = _servers[_server++ % _servers.Length];
            TimeSpan wait = Timeout / _servers.Length;
            using var late = new CancellationTokenSource(wait < s_connectMin ? s_connectMin : wait, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, _stopping.Token);
            try
            {
                var request = new ConnectRequest(Interlocked.Read(ref _lastZxid), (int)_asked.TotalMilliseconds, Id, _password, ReadOnly: false);
                KeeperLink link = await KeeperLink.ConnectAsync(_options, server, request, _random, either.Token).ConfigureAwait(false);
                if (link.Response.TimeoutMs > 0)
                {
                    Begin(link);
                }
                return link;
            }
            catch (KeeperLinkException e)
            {
                _stopping.Token.ThrowIfCancellationRequested();   // an attempt that is broken off says nothing of the server
                LastFailure = $"{server}: {e.Message}";
                if (!_toldUnreachable)
                {
                    _toldUnreachable = true;
                    LogUnreachable(server, e.Message);
                }
            }
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(RetryMsMax / 10, RetryMsMax)), _time, _stopping.Token).ConfigureAwait(false);
        }
    }

    private void Begin(KeeperLink link)
    {
        bool isNew = Id == 0;
        Id = link.Response.SessionId;
        _password = link.Response.Password;
        Timeout = TimeSpan.FromMilliseconds(link.Response.TimeoutMs);
        link.HeardAt = link.SentAt = _time.GetTimestamp();
        _toldUnreachable = false;
        if (isNew)
        {
            LogOpened(Id, link.Server, Timeout.TotalMilliseconds);
        }
        else
        {
            LogReconnected(Id, link.Server);
        }
        _opened.TrySetResult();
    }

    private async Task ServeAsync(KeeperLink link)
    {
        TimeSpan tick = Timeout / 12;
        Task writing;
        ITimer timer = _time.CreateTimer(_ => Tick(link), null, tick, tick);
        await using (timer.ConfigureAwait(false))
        {
            using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
            Volatile.Write(ref _link, link);
            writing = WriteAsync(link, ending.Token);
            string reason = await ReadAsync(link, ending.Token).ConfigureAwait(false);
            await ending.CancelAsync().ConfigureAwait(false);
            link.Dispose();
            await writing.ConfigureAwait(false);
            Volatile.Write(ref _link, null);
            if (!IsClosing)
            {
                LogDisconnected(Id, link.Server, reason);
            }
        }
    }

    /// <summary>A third of the timeout without a word sent asks for a ping, two thirds without one heard end the connection.</summary>
    private void Tick(KeeperLink link)
    {
        if (_time.GetElapsedTime(link.HeardAt) > Timeout * 2 / 3)
        {
            link.Dispose();
        }
        else if (_time.GetElapsedTime(link.SentAt) > Timeout / 4)
        {
            Volatile.Write(ref _pingDue, true);
            Wake();
        }
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    private async Task WriteAsync(KeeperLink link, CancellationToken cancellationToken)
    {
        var writer = new JuteWriter(WriteBytes);
        WriteWatches(writer);
        try
        {
            while (true)
            {
                Gather(writer);
                if (writer.Length > 0)
                {
                    link.SentAt = _time.GetTimestamp();
                    await link.Stream.WriteAsync(writer.Written, cancellationToken).ConfigureAwait(false);
                    writer.Clear();
                    continue;
                }
                await _wake.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            link.Dispose();   // the reading side tells why; whatever fails costs the connection, never the session
        }
    }

    private void Gather(JuteWriter writer)
    {
        lock (_lock)
        {
            while (_inFlight.Count < _options.MaxInFlight && writer.Length < WriteBytes && _waiting.TryDequeue(out KeeperRequest? next))
            {
                next.Xid = _nextXid = _nextXid == int.MaxValue ? 1 : _nextXid + 1;
                _inFlight.Enqueue(next);
                Write(writer, next.Xid, next.Code, next.Body.Span);
            }
        }
        if (writer.Length == 0 && Volatile.Read(ref _pingDue))
        {
            Write(writer, Xid.Ping, OpCode.Ping, default);
        }
        Volatile.Write(ref _pingDue, false);
    }

    private static void Write(JuteWriter writer, int xid, OpCode code, ReadOnlySpan<byte> body)
    {
        int frame = writer.BeginFrame();
        writer.WriteInt32(xid);
        writer.WriteInt32((int)code);
        writer.WriteRaw(body);
        writer.EndFrame(frame);
    }

    /// <returns>Why the connection has ended.</returns>
    private async Task<string> ReadAsync(KeeperLink link, CancellationToken cancellationToken)
    {
        try
        {
            while (await link.Packets.ReadAsync(cancellationToken).ConfigureAwait(false) is { } packet)
            {
                link.HeardAt = _time.GetTimestamp();
                if (!Take(packet.Span))
                {
                    return "the session has moved to another connection";
                }
            }
            return "the server closed it";
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            return _time.GetElapsedTime(link.HeardAt) > Timeout / 2 ? $"no word for {Timeout.TotalMilliseconds * 2 / 3:0} ms" : e.Message;
        }
        catch (MalformedRequestException e)
        {
            return $"it sent what cannot be read: {e.Message}";
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return e.Message;
        }
    }

    private bool Take(ReadOnlySpan<byte> packet)
    {
        var reader = new JuteReader(packet);
        int xid = reader.ReadInt32();
        long zxid = reader.ReadInt64();
        int code = reader.ReadInt32();
        switch (xid)
        {
            case Xid.Ping or Xid.Auth or Xid.SetWatches:
                return true;
            case Xid.Notification:
                var kind = (KeeperEvent)reader.ReadInt32();
                _ = reader.ReadInt32();   // the state of the connection, which is known
                OnEvent(kind, Short(reader.ReadString("path")));
                return true;
        }
        KeeperRequest? request;
        lock (_lock)
        {
            if (!_inFlight.TryPeek(out request) || request.Xid != xid)
            {
                throw new MalformedRequestException($"an answer to request {xid}, where {request?.Xid ?? 0} is due");
            }
            _inFlight.Dequeue();
        }
        if (zxid > 0)
        {
            Interlocked.Exchange(ref _lastZxid, zxid);
        }
        if ((KeeperCode)code == KeeperCode.SessionMoved)
        {
            request.Answer(new KeeperReply(ReplyKind.Lost, code, default));
            return false;
        }
        request.Answer(new KeeperReply(ReplyKind.Answered, code, packet[reader.Position..].ToArray()));
        Wake();
        return true;
    }

    private void LoseInFlight()
    {
        KeeperRequest[] lost;
        lock (_lock)
        {
            lost = [.. _inFlight];
            _inFlight.Clear();
        }
        Array.ForEach(lost, static r => r.Answer(new KeeperReply(ReplyKind.Lost, 0, default)));
    }

    private void Finish()
    {
        KeeperRequest[] left;
        lock (_lock)
        {
            _hasEnded = true;
            left = [.. _inFlight, .. _waiting];
            _inFlight.Clear();
            _waiting.Clear();
        }
        Array.ForEach(left, static r => r.Answer(new KeeperReply(ReplyKind.Ended, 0, default)));
        _opened.TrySetCanceled();
        _events.Writer.TryComplete();
        if (!IsClosing)
        {
            LogExpired(Id);
        }
        _ended.Cancel();
    }
}
