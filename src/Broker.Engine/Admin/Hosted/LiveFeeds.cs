namespace Broker.Engine.Admin.Hosted;

/// <summary>Calls subscribers back: what moves within a second five times a second, the rest once. Runs only while somebody
/// is subscribed. Thread-safe.</summary>
internal sealed class LiveFeeds(TimeProvider time) : IDisposable
{
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(1000.0 / LiveFeed.PerSecondMax);

    private readonly Lock _lock = new();
    private readonly List<Subscription> _subscriptions = [];
    private ITimer? _timer;
    private int _tick;

    public IDisposable Subscribe(LiveSubject subject, Action changed)
    {
        lock (_lock)
        {
            var subscription = new Subscription(this, subject, changed);
            _subscriptions.Add(subscription);
            _timer ??= time.CreateTimer(_ => Tick(), null, s_tick, s_tick);
            return subscription;
        }
    }

    private void Tick()
    {
        Subscription[] due;
        lock (_lock)
        {
            bool second = ++_tick % LiveFeed.PerSecondMax == 0;
            due = [.. _subscriptions.Where(s => second || s.IsFast)];
        }
        Array.ForEach(due, s => s.Changed());
    }

    private void Remove(Subscription subscription)
    {
        lock (_lock)
        {
            _subscriptions.Remove(subscription);
            if (_subscriptions.Count == 0)
            {
                _timer?.Dispose();
                _timer = null;
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _timer?.Dispose();
            _timer = null;
        }
    }

    private sealed class Subscription(LiveFeeds feeds, LiveSubject subject, Action changed) : IDisposable
    {
        public bool IsFast { get; } = subject.Kind is LiveKind.Segments or LiveKind.Timers or LiveKind.Replicas;

        public Action Changed { get; } = changed;

        public void Dispose() => feeds.Remove(this);
    }
}
