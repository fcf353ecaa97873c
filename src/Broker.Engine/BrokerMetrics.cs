using System.Diagnostics;
using Broker.Engine.Diagnostics;
using Broker.Engine.Groups;

namespace Broker.Engine;

/// <summary>
/// The figures of one broker that are not kept where they arise: rates, histograms and shares, moved on every five seconds from
/// one place. Thread-safe; <see cref="Tick"/> runs on one thread at a time.
/// </summary>
internal sealed class BrokerMetrics
{
    private readonly BrokerServer _broker;
    private readonly List<Meter> _meters = [];
    private readonly RateWindow[] _groupWindows = [.. Enumerable.Range(0, 4).Select(_ => new RateWindow())];
    private readonly RateWindow _controllerBusy = new();
    private readonly RateWindow _depleted = new();
    private readonly long _startedAt = Stopwatch.GetTimestamp();

    public BrokerMetrics(BrokerServer broker, IReadOnlyList<string> listeners)
    {
        _broker = broker;
        TimeProvider time = broker.Clock.Time;
        StartedAt = time.GetUtcNow();
        Requests = new RequestMetrics(broker.Transport.OwnerThreads, listeners, time);
        Network = new NetworkMetrics(broker.Transport, Requests);
        LogFlush = new LatencyTimer(time);
        RequestHandlerIdle = Add(new ShareMeter(time, "percent", HandlerIdleNs));
        AcceptorBlocked = [.. listeners.Select(_ => Add(new ShareMeter(time, "blocked time", () => 0)))];
        ExpiredConsumerFetches = Add(new CountMeter(time, "requests", () => broker.Fetches?.Expired.Consumers ?? 0));
        ExpiredFollowerFetches = Add(new CountMeter(time, "requests", () => broker.Fetches?.Expired.Followers ?? 0));
        ExpiredProduces = Add(new CountMeter(time, "requests", () => broker.Produces?.Expired ?? 0));
        SessionEvictions = Add(new CountMeter(time, "evictions", () => broker.Fetches?.Sessions.Evictions ?? 0));
        IsrShrinks = Add(new Meter(time, "shrinks"));
        IsrExpands = Add(new Meter(time, "expands"));
        FailedIsrUpdates = Add(new Meter(time, "failedUpdates"));
    }

    public DateTimeOffset StartedAt { get; }

    public RequestMetrics Requests { get; }

    public NetworkMetrics Network { get; }

    public LatencyTimer LogFlush { get; }

    public Meter RequestHandlerIdle { get; }

    /// <summary>By listener. An acceptor hands a connection over without waiting for anybody, so its time blocked is none.</summary>
    public IReadOnlyList<Meter> AcceptorBlocked { get; }

    public Meter ExpiredConsumerFetches { get; }

    public Meter ExpiredFollowerFetches { get; }

    public Meter ExpiredProduces { get; }

    public Meter SessionEvictions { get; }

    public Meter IsrShrinks { get; }

    public Meter IsrExpands { get; }

    public Meter FailedIsrUpdates { get; }

    /// <summary>Share of the last half minute in which requests found no memory.</summary>
    public double DepletedShare => OrZero(_depleted.Slope(_broker.Transport.Pool.DepletedTicks, Stopwatch.GetTimestamp()));

    /// <summary>Share of the last half minute that the controller's event loop waited.</summary>
    public double ControllerIdle => 1 - OrZero(_controllerBusy.Slope(_broker.Membership.Metrics.BusyTicks, Stopwatch.GetTimestamp()));

    /// <summary>What the coordinator does a second: commits, deletions, expirations, rebalances.</summary>
    public double GroupRate(int which) =>
        OrZero(_groupWindows[which].Slope(GroupCount(_broker.Groups, which), Stopwatch.GetTimestamp())) * Stopwatch.Frequency;

    public static long GroupCount(GroupCoordinator groups, int which) => which switch
    {
        0 => groups.Commits,
        1 => groups.Deletions,
        2 => groups.Expirations,
        _ => groups.RebalancesCompleted,
    };

    private static double OrZero(double value) => double.IsNaN(value) ? 0 : value;

    private T Add<T>(T meter)
        where T : Meter
    {
        _meters.Add(meter);
        return meter;
    }

    /// <summary>Time that a request handler waited, on average; threads that work has not made necessary yet wait too.</summary>
    private long HandlerIdleNs()
    {
        long idle = Stopwatch.GetTimestamp() - _startedAt - (_broker.Workers.BusyTicks / Math.Max(1, _broker.Workers.ThreadsMax));
        return (long)(Math.Max(0, idle) * (1e9 / Stopwatch.Frequency));
    }

    /// <summary>Moves all rates on by one interval.</summary>
    public void Tick()
    {
        _meters.ForEach(m => m.Tick());
        Requests.Tick();
        Network.Tick();
        LogFlush.Tick();
        _broker.Membership.Metrics.Tick();
        foreach (Controller.BrokerChannel line in _broker.Membership.Controller?.Lines ?? [])
        {
            line.QueueTimes.Tick();
        }
        long now = Stopwatch.GetTimestamp();
        _controllerBusy.Sample(_broker.Membership.Metrics.BusyTicks, now);
        _depleted.Sample(_broker.Transport.Pool.DepletedTicks, now);
        if (_broker.Groups is { } groups)
        {
            for (int i = 0; i < _groupWindows.Length; i++)
            {
                _groupWindows[i].Sample(GroupCount(groups, i), now);
            }
        }
        if (_broker.Replicas is { } replicas)
        {
            replicas.Partitions.AllTopics.Tick();
            foreach (Replication.Fetching.ReplicaFetcherThread fetcher in replicas.Fetchers?.Threads ?? [])
            {
                fetcher.RequestMeter.Tick();
                fetcher.ByteMeter.Tick();
            }
            foreach (Replication.HostedTopic topic in replicas.Partitions.Topics)
            {
                topic.Metrics.Tick();
            }
        }
    }
}
