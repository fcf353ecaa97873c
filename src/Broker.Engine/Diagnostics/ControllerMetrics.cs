using System.Diagnostics;

namespace Broker.Engine.Diagnostics;

/// <summary>What the controller's event loop is at: Kafka's ControllerState, with its numbers.</summary>
internal enum ControllerActivity
{
    Idle = 0,
    ControllerChange = 1,
    BrokerChange = 2,
    TopicChange = 3,
    TopicDeletion = 4,
    AlterPartitionReassignment = 5,
    AutoLeaderBalance = 6,
    ManualLeaderBalance = 7,
    ControlledShutdown = 8,
    IsrChange = 9,
    LeaderAndIsrResponseReceived = 10,
    LogDirChange = 11,
    ControllerShutdown = 12,
    UncleanLeaderElectionEnable = 13,
    TopicUncleanLeaderElectionEnable = 14,
    ListPartitionReassignment = 15,
}

/// <summary>ControllerStats and ControllerEventManager of a broker, over all its terms as controller. Thread-safe.</summary>
internal sealed class ControllerMetrics
{
    /// <summary>Kafka's timers, with the activity that each times; those without one are of events that do not happen here.</summary>
    private static readonly (string Name, ControllerActivity? Of)[] s_timers =
    [
        ("AutoLeaderBalance", ControllerActivity.AutoLeaderBalance), ("ControlledShutdown", ControllerActivity.ControlledShutdown),
        ("ControllerChange", ControllerActivity.ControllerChange), ("ControllerShutdown", ControllerActivity.ControllerShutdown),
        ("IsrChange", ControllerActivity.IsrChange),
        ("LeaderAndIsrResponseReceived", ControllerActivity.LeaderAndIsrResponseReceived),
        ("LeaderElection", ControllerActivity.BrokerChange),
        ("ListPartitionReassignment", ControllerActivity.ListPartitionReassignment), ("LogDirChange", ControllerActivity.LogDirChange),
        ("ManualLeaderBalance", ControllerActivity.ManualLeaderBalance),
        ("PartitionReassignment", ControllerActivity.AlterPartitionReassignment), ("TopicChange", ControllerActivity.TopicChange),
        ("TopicDeletion", ControllerActivity.TopicDeletion),
        ("TopicUncleanLeaderElectionEnable", ControllerActivity.TopicUncleanLeaderElectionEnable),
        ("UncleanLeaderElectionEnable", ControllerActivity.UncleanLeaderElectionEnable), ("UpdateFeatures", null),
    ];

    private readonly Dictionary<ControllerActivity, LatencyTimer> _byActivity = [];
    private readonly LatencyTimer _queued;
    private readonly LatencyTimer _processed;
    private long _busyTicks;
    private volatile int _activity;
    private int _queue;

    public ControllerMetrics(TimeProvider time)
    {
        List<LatencyTimer> timers = [];
        foreach ((_, ControllerActivity? of) in s_timers)
        {
            var timer = new LatencyTimer(time);
            timers.Add(timer);
            if (of is { } activity)
            {
                _byActivity.Add(activity, timer);
            }
        }
        Timers = timers;
        _queued = new LatencyTimer(time);
        _processed = new LatencyTimer(time);
        UncleanElections = new Meter(time, "elections");
    }

    /// <summary>Names of the timers in ControllerStats.</summary>
    public static IReadOnlyList<string> TimerNames { get; } = [.. s_timers.Select(t => $"{t.Name}RateAndTimeMs")];

    /// <summary>The timers, in the order of <see cref="TimerNames"/>.</summary>
    public IReadOnlyList<LatencyTimer> Timers { get; }

    public Histogram QueueTimes => _queued.Times;

    public Histogram ProcessingTimes => _processed.Times;

    /// <summary>Leaders that were not in sync: none is ever elected.</summary>
    public Meter UncleanElections { get; }

    public int QueueSize => Volatile.Read(ref _queue);

    public ControllerActivity Activity => (ControllerActivity)_activity;

    /// <summary>Time that events took, in units of <see cref="Stopwatch"/>.</summary>
    public long BusyTicks => Interlocked.Read(ref _busyTicks);

    /// <summary>An event is queued.</summary>
    /// <returns>When, for <see cref="Begin"/>.</returns>
    public long Queued()
    {
        Interlocked.Increment(ref _queue);
        return Stopwatch.GetTimestamp();
    }

    /// <summary>An event begins.</summary>
    /// <returns>When, for <see cref="End"/>.</returns>
    public long Begin(ControllerActivity activity, long queuedAt)
    {
        long now = Stopwatch.GetTimestamp();
        Interlocked.Decrement(ref _queue);
        _activity = (int)activity;
        _queued.Record(now - queuedAt);
        return now;
    }

    public void End(ControllerActivity activity, long beganAt)
    {
        long took = Stopwatch.GetTimestamp() - beganAt;
        _activity = (int)ControllerActivity.Idle;
        Interlocked.Add(ref _busyTicks, took);
        _processed.Record(took);
        _byActivity.GetValueOrDefault(activity)?.Record(took);
    }

    public void Tick()
    {
        foreach (LatencyTimer timer in Timers)
        {
            timer.Tick();
        }
        _queued.Tick();
        _processed.Tick();
        UncleanElections.Tick();
    }
}
