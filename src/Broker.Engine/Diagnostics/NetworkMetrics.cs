using System.Diagnostics;
using Broker.Engine.Transport;

namespace Broker.Engine.Diagnostics;

/// <summary>Kafka's names of what a network thread (processor) counts for one listener.</summary>
internal enum NetworkCount
{
    ConnectionCreation,
    ConnectionClose,
    IncomingByte,
    OutgoingByte,
    Request,
    Response,
    Select,
    IoTime,
    IoWaitTime,
}

/// <summary>What network threads did of late: shares and rates over the last half minute, from counts that only rise.
/// Thread-safe.</summary>
internal sealed class NetworkMetrics
{
    private const int CountKinds = (int)NetworkCount.IoWaitTime + 1;
    private const int MaxSamples = 6;

    private readonly ITransport _transport;
    private readonly RequestMetrics _requests;
    private readonly RateWindow[][][] _windows;
    private readonly long[][][] _largest;
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private int _ticks;

    public NetworkMetrics(ITransport transport, RequestMetrics requests)
    {
        _transport = transport;
        _requests = requests;
        int threads = Math.Max(1, transport.OwnerThreads);
        T[][][] Table<T>(int size, Func<T> make) =>
        [
            .. Enumerable.Range(0, threads).Select(_ => requests.Listeners
                .Select(_ => Enumerable.Range(0, size).Select(_ => make()).ToArray()).ToArray()),
        ];
        _windows = Table(CountKinds, () => new RateWindow());
        _largest = Table(MaxSamples, () => 0L);
        Tick();
    }

    public void Tick()
    {
        foreach (NetworkThreadSnapshot thread in _transport.Snapshot().Threads)
        {
            for (int listener = 0; listener < _requests.Listeners.Count; listener++)
            {
                for (int i = 0; i < CountKinds; i++)
                {
                    _windows[thread.Index][listener][i].Sample(CountOf(thread, listener, (NetworkCount)i), thread.AtTicks);
                }
                if (_requests.Sends(thread.Index, listener) is { } sends)
                {
                    _largest[thread.Index][listener][_ticks % MaxSamples] = Interlocked.Exchange(ref sends.ResponseBytesMax, 0);
                }
            }
        }
        _ticks++;
    }

    /// <summary>A count since the start; times are in nanoseconds.</summary>
    public long CountOf(NetworkThreadSnapshot thread, int listener, NetworkCount count)
    {
        SendCounts? sends = _requests.Sends(thread.Index, listener);
        return count switch
        {
            NetworkCount.ConnectionCreation => thread.Accepted[listener],
            NetworkCount.ConnectionClose => thread.Closed[listener],
            NetworkCount.IncomingByte => sends?.RequestBytes ?? 0,
            NetworkCount.OutgoingByte => sends?.ResponseBytes ?? 0,
            // Kafka's Selector calls requests what it sends and responses what it receives, whichever side it is on.
            NetworkCount.Request => sends?.Responses ?? 0,
            NetworkCount.Response => sends?.Requests ?? 0,
            NetworkCount.Select => thread.Rounds,
            NetworkCount.IoTime => Nanoseconds(Math.Max(0, thread.AtTicks - _startedAt - thread.WaitedTicks)),
            _ => Nanoseconds(thread.WaitedTicks),
        };
    }

    private static long Nanoseconds(long ticks) => (long)(ticks * (1e9 / Stopwatch.Frequency));

    /// <summary>Rise of a count a second over the last half minute.</summary>
    public double RateOf(NetworkThreadSnapshot thread, int listener, NetworkCount count)
    {
        double slope = _windows[thread.Index][listener][(int)count].Slope(CountOf(thread, listener, count), thread.AtTicks);
        return double.IsNaN(slope) ? 0 : slope * Stopwatch.Frequency;
    }

    /// <summary>The largest answer of the last half minute.</summary>
    public long LargestOf(NetworkThreadSnapshot thread, int listener) => Math.Max(
        _largest[thread.Index][listener].Max(), _requests.Sends(thread.Index, listener)?.ResponseBytesMax ?? 0);

    /// <summary>Share of the last half minute that a thread waited, 0 to 1.</summary>
    public double IdleOf(NetworkThreadSnapshot thread)
    {
        if (_windows[thread.Index].Length == 0)
        {
            return 1;
        }
        double slope = _windows[thread.Index][0][(int)NetworkCount.IoWaitTime]
            .Slope(CountOf(thread, 0, NetworkCount.IoWaitTime), thread.AtTicks);
        return double.IsNaN(slope) ? 1 : Math.Clamp(slope * Stopwatch.Frequency / 1e9, 0, 1);
    }
}
