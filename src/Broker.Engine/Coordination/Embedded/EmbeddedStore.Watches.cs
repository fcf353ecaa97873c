namespace Broker.Engine.Coordination.Embedded;

/// <summary>Watches. What a commit changes is queued for each session under the store's lock and told outside it.</summary>
internal sealed partial class EmbeddedStore
{
    private readonly Dictionary<string, List<Watch>> _watches = new(StringComparer.Ordinal);

    internal IDisposable AddWatch(EmbeddedSession session, string path, WatchKinds kinds, Action<WatchEvent> handler)
    {
        if (!NodePath.IsValid(path))
        {
            throw new CoordinationException(CoordinationError.BadArguments, path);
        }
        lock (_lock)
        {
            if (session.HasEnded)
            {
                throw new CoordinationException(CoordinationError.SessionExpired, path);
            }
            var watch = new Watch(this, session, path, kinds, handler);
            if (!_watches.TryGetValue(path, out List<Watch>? list))
            {
                _watches.Add(path, list = []);
            }
            list.Add(watch);
            return watch;
        }
    }

    /// <summary>A session that has ended is told nothing any more.</summary>
    private void DropWatches(EmbeddedSession session)
    {
        foreach ((string path, List<Watch> list) in _watches)
        {
            // Removing while enumerating is allowed by Dictionary.
            if (list.RemoveAll(w => w.Session == session) > 0 && list.Count == 0)
            {
                _watches.Remove(path);
            }
        }
    }

    private void Tell(in Change change)
    {
        switch (change.Kind)
        {
            case ChangeKind.Create:
                Tell(change.Path, WatchKinds.Node, WatchEventKind.Created);
                Tell(NodePath.Parent(change.Path), WatchKinds.Children, WatchEventKind.ChildrenChanged);
                break;
            case ChangeKind.Set:
                Tell(change.Path, WatchKinds.Node, WatchEventKind.DataChanged);
                break;
            case ChangeKind.Delete:
                Tell(change.Path, WatchKinds.NodeAndChildren, WatchEventKind.Deleted);
                Tell(NodePath.Parent(change.Path), WatchKinds.Children, WatchEventKind.ChildrenChanged);
                break;
        }
    }

    private void Tell(string path, WatchKinds kind, WatchEventKind what)
    {
        if (!_watches.TryGetValue(path, out List<Watch>? list))
        {
            return;
        }
        foreach (Watch watch in list)
        {
            if ((watch.Kinds & kind) != 0)
            {
                watch.Session.Enqueue(watch, new WatchEvent(what, path));
            }
        }
    }

    /// <summary>One registration.</summary>
    internal sealed class Watch(
        EmbeddedStore store, EmbeddedSession session, string path, WatchKinds kinds, Action<WatchEvent> handler) : IDisposable
    {
        private volatile bool _isOff;

        public EmbeddedSession Session { get; } = session;

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
            lock (store._lock)
            {
                if (store._watches.TryGetValue(path, out List<Watch>? list) && list.Remove(this) && list.Count == 0)
                {
                    store._watches.Remove(path);
                }
            }
        }
    }
}
