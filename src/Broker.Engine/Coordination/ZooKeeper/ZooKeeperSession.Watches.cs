using System.Threading.Channels;
using Broker.Engine.Coordination.Jute;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>
/// Watches. The ensemble's tell once: when one has told, it is asked for anew before anybody hears of the event, so what a
/// handler then reads is no older than the new watch. After a reconnection the watches are set with the last transaction seen,
/// and the server tells at once what has changed since.
/// </summary>
internal sealed partial class ZooKeeperSession
{
    private readonly Dictionary<string, WatchedPath> _watched = new(StringComparer.Ordinal);
    private readonly Channel<(Watch Watch, WatchEvent What)> _events =
        Channel.CreateUnbounded<(Watch, WatchEvent)>(new UnboundedChannelOptions { SingleReader = true });

    public async ValueTask<IDisposable> WatchAsync(
        string path, WatchKinds kinds, Action<WatchEvent> handler, CancellationToken cancellationToken)
    {
        if (!NodePath.IsValid(path))
        {
            throw new CoordinationException(CoordinationError.BadArguments, path);
        }
        var watch = new Watch(this, path, kinds, handler);
        Task armed;
        lock (_lock)
        {
            if (_hasEnded)
            {
                throw new CoordinationException(CoordinationError.SessionExpired, path);
            }
            if (!_watched.TryGetValue(path, out WatchedPath? place))
            {
                _watched.Add(path, place = new WatchedPath(path));
            }
            place.Watches.Add(watch);
            armed = Arm(place, told: false);
        }
        try
        {
            await armed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            watch.Dispose();
            throw;
        }
        if (_ended.IsCancellationRequested)
        {
            throw new CoordinationException(CoordinationError.SessionExpired, path);
        }
        return watch;
    }

    /// <summary>Asks for the watches that a path wants and has not. Called under the lock; what is asked goes out before
    /// whatever is asked after this returns.</summary>
    /// <param name="place">The path.</param>
    /// <param name="told">Whether handlers must hear of what may have changed before the watch stood.</param>
    private Task Arm(WatchedPath place, bool told)
    {
        Task node = place.WantsNode && place.Node == NodeWatch.None ? ArmNodeAsync(place, told) : Task.CompletedTask;
        Task children = place.WantsChildren && !place.HasChildren && place.Node != NodeWatch.Absent
            ? ArmChildrenAsync(place, told) : Task.CompletedTask;
        return Task.WhenAll(node, children);
    }

    private async Task ArmNodeAsync(WatchedPath place, bool told)
    {
        int ask = ++place.NodeAsks;
        bool needsChildren = false;
        (KeeperReply reply, bool late) = await AskAsync(OpCode.Exists, place.Path, answer =>
        {
            if (place.NodeAsks == ask && answer.Error is CoordinationError.None or CoordinationError.NoNode)   // else a later one tells how things stand
            {
                place.Node = answer.Error == CoordinationError.None ? NodeWatch.Present : NodeWatch.Absent;
                needsChildren = place is { Node: NodeWatch.Present, LacksChildren: true };
            }
        }).ConfigureAwait(false);
        bool exists = reply.Error == CoordinationError.None;
        if (!exists && reply.Error != CoordinationError.NoNode)
        {
            Unwatched(place, reply);
            return;
        }
        Task children = Task.CompletedTask;
        lock (_lock)
        {
            if (needsChildren && place.LacksChildren)
            {
                children = ArmChildrenAsync(place, told, always: true);
            }
        }
        if (late && told)
        {
            Tell(place, WatchKinds.Node, exists ? WatchEventKind.DataChanged : WatchEventKind.Deleted);
        }
        await children.ConfigureAwait(false);
    }

    private async Task ArmChildrenAsync(WatchedPath place, bool told, bool always = false)
    {
        int ask = ++place.ChildrenAsks;
        place.LacksChildren = false;
        bool needsNode = false;
        (KeeperReply reply, bool late) = await AskAsync(OpCode.GetChildren2, place.Path, answer =>
        {
            if (place.ChildrenAsks == ask && answer.Error is CoordinationError.None or CoordinationError.NoNode)
            {
                place.HasChildren = answer.Error == CoordinationError.None;
                if (!place.HasChildren)
                {
                    // Its creation must be seen, to watch its children from then on.
                    place.LacksChildren = true;
                    place.NeedsCreation = true;
                    needsNode = true;
                }
            }
        }).ConfigureAwait(false);
        bool exists = reply.Error == CoordinationError.None;
        if (!exists && reply.Error != CoordinationError.NoNode)
        {
            Unwatched(place, reply);
            return;
        }
        Task node = Task.CompletedTask;
        lock (_lock)
        {
            if (needsNode && place.Node == NodeWatch.None)
            {
                node = ArmNodeAsync(place, told);
            }
        }
        if ((late || always) && told)
        {
            Tell(place, WatchKinds.Children, WatchEventKind.ChildrenChanged);
        }
        await node.ConfigureAwait(false);
    }

    private void Unwatched(WatchedPath place, KeeperReply reply)
    {
        if (reply.Kind != ReplyKind.Ended)
        {
            LogNotWatched(place.Path, reply.Error);
        }
    }

    /// <summary>Sends a read that sets a watch until it is answered.</summary>
    /// <param name="code">What is read.</param>
    /// <param name="path">Of which node.</param>
    /// <param name="note">Notes the watch, under the lock: before an event of it, or the end of the connection, is taken in. A watch
    /// that is noted later might not be set again on the next connection.</param>
    /// <returns>The answer, and whether others may have gone before it meanwhile.</returns>
    private async Task<(KeeperReply Reply, bool Late)> AskAsync(OpCode code, string path, Action<KeeperReply> note)
    {
        var writer = new JuteWriter();
        writer.WriteString(Full(path));
        writer.WriteBool(true);
        byte[] body = writer.ToArray();
        for (bool late = false; ; late = true)
        {
            KeeperReply reply = await SendAsync(code, body, CancellationToken.None, Note).ConfigureAwait(false);
            if (reply.Kind != ReplyKind.Lost)
            {
                return (reply, late);
            }
        }

        void Note(KeeperReply answer)
        {
            lock (_lock)
            {
                note(answer);
            }
        }
    }

    private void OnEvent(KeeperEvent kind, string path)
    {
        WatchedPath? place;
        lock (_lock)
        {
            if (!_watched.TryGetValue(path, out place))
            {
                return;
            }
            if (kind != KeeperEvent.NodeChildrenChanged)
            {
                place.Node = NodeWatch.None;
            }
            if (kind is KeeperEvent.NodeChildrenChanged or KeeperEvent.NodeDeleted)
            {
                place.HasChildren = false;
            }
            _ = Arm(place, told: true);
        }
        switch (kind)
        {
            case KeeperEvent.NodeCreated:
                Tell(place, WatchKinds.Node, WatchEventKind.Created);
                Tell(place, WatchKinds.Children, WatchEventKind.ChildrenChanged);
                break;
            case KeeperEvent.NodeDataChanged:
                Tell(place, WatchKinds.Node, WatchEventKind.DataChanged);
                break;
            case KeeperEvent.NodeDeleted:
                Tell(place, WatchKinds.NodeAndChildren, WatchEventKind.Deleted);
                break;
            case KeeperEvent.NodeChildrenChanged:
                Tell(place, WatchKinds.Children, WatchEventKind.ChildrenChanged);
                break;
        }
    }

    private void Tell(WatchedPath place, WatchKinds kind, WatchEventKind what)
    {
        lock (_lock)
        {
            foreach (Watch watch in place.Watches)
            {
                if ((watch.Kinds & kind) != 0)
                {
                    _events.Writer.TryWrite((watch, new WatchEvent(what, place.Path)));
                }
            }
        }
    }

    private async Task TellAllAsync()
    {
        await foreach ((Watch watch, WatchEvent what) in _events.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            if (_ended.IsCancellationRequested)
            {
                continue;
            }
            try
            {
                watch.Tell(what);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                LogHandlerFailed(what.Path, e);   // the others must still hear of what happens
            }
        }
    }

    /// <summary>The watches that stood, for a new connection's first packets.</summary>
    private void WriteWatches(JuteWriter writer)
    {
        lock (_lock)
        {
            var present = new List<string>();
            var absent = new List<string>();
            var children = new List<string>();
            int chars = 0;
            foreach (WatchedPath place in _watched.Values)
            {
                string path = Full(place.Path);
                Note(place.Node == NodeWatch.Present, present);
                Note(place.Node == NodeWatch.Absent, absent);
                Note(place.HasChildren, children);
                if (chars > SetWatchesChars)
                {
                    Flush();
                }

                void Note(bool stands, List<string> list)
                {
                    if (stands)
                    {
                        list.Add(path);
                        chars += path.Length;
                    }
                }
            }
            Flush();

            void Flush()
            {
                if (chars > 0)
                {
                    WriteSetWatches(writer, present, absent, children);
                }
                present.Clear();
                absent.Clear();
                children.Clear();
                chars = 0;
            }
        }
    }

    private void WriteSetWatches(JuteWriter writer, List<string> present, List<string> absent, List<string> children)
    {
        int frame = writer.BeginFrame();
        writer.WriteInt32(Xid.SetWatches);
        writer.WriteInt32((int)OpCode.SetWatches);
        writer.WriteInt64(Interlocked.Read(ref _lastZxid));
        writer.WriteStrings(present);
        writer.WriteStrings(absent);
        writer.WriteStrings(children);
        writer.EndFrame(frame);
    }

    private void Remove(Watch watch)
    {
        lock (_lock)
        {
            if (_watched.TryGetValue(watch.Path, out WatchedPath? place) && place.Watches.Remove(watch) && place.Watches.Count == 0)
            {
                _watched.Remove(watch.Path);
            }
        }
    }

    [LoggerMessage(7067, LogLevel.Error, "{Path} cannot be watched: {Error}", EventName = "ZooKeeperNotWatched")]
    private partial void LogNotWatched(string path, CoordinationError error);

    [LoggerMessage(7068, LogLevel.Error, "what is to be done when {Path} changes failed", EventName = "ZooKeeperHandlerFailed")]
    private partial void LogHandlerFailed(string path, Exception exception);

    private enum NodeWatch
    {
        None,

        /// <summary>Set on the node.</summary>
        Present,

        /// <summary>Set on its creation.</summary>
        Absent,
    }

    /// <summary>A path with the handlers that watch it and the watches that the server has. Belongs to the lock.</summary>
    private sealed class WatchedPath(string path)
    {
        public string Path { get; } = path;

        public List<Watch> Watches { get; } = [];

        public NodeWatch Node { get; set; }

        public bool HasChildren { get; set; }

        /// <summary>The node was not there when its children were to be watched.</summary>
        public bool LacksChildren { get; set; }

        /// <summary>How often the watch on the node was asked for: an answer counts only if it is to the last.</summary>
        public int NodeAsks { get; set; }

        public int ChildrenAsks { get; set; }

        /// <summary>Nobody watches the node, but its children wait for it.</summary>
        public bool NeedsCreation { get; set; }

        public bool WantsNode => NeedsCreation || Watches.Exists(w => (w.Kinds & WatchKinds.Node) != 0);

        public bool WantsChildren => Watches.Exists(w => (w.Kinds & WatchKinds.Children) != 0);
    }

    /// <summary>One registration.</summary>
    private sealed class Watch(ZooKeeperSession session, string path, WatchKinds kinds, Action<WatchEvent> handler) : IDisposable
    {
        private volatile bool _isOff;

        public string Path { get; } = path;

        public WatchKinds Kinds { get; } = kinds;

        public void Tell(WatchEvent what)
        {
            if (!_isOff)
            {
                handler(what);
            }
        }

        public void Dispose()
        {
            _isOff = true;
            session.Remove(this);
        }
    }
}
