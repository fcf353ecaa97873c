namespace Simulation.World;

/// <summary>When an event comes; those of one moment in the order in which they were scheduled.</summary>
internal readonly record struct EventTime(long At, long Number) : IComparable<EventTime>
{
    public int CompareTo(EventTime other) => At != other.At ? (At < other.At ? -1 : 1) : Number.CompareTo(other.Number);
}

/// <summary>Something to run, or a timer as it was armed.</summary>
internal readonly record struct SimEvent(SimProcess? Owner, Action? Work, SimTimer? Timer, int Arming)
{
    /// <summary>Whether it is not over before it comes: a timer that was stopped, or the dead's. Most timers are deadlines that
    /// nobody needed.</summary>
    public bool IsWanted => Owner is not { IsDead: true } && Timer?.IsArmed(Arming) != false;

    public void Run()
    {
        if (Timer is { } timer)
        {
            timer.Ring(Arming);
        }
        else
        {
            Work!();
        }
    }
}

/// <summary>
/// What is to come, in order. What comes soon lies in a heap; what comes later in a list for each tenth of a second, since most
/// of that is not wanted any more when its time has come, and so never costs a place in the heap. Not thread-safe.
/// </summary>
internal sealed class SimQueue
{
    private const int SpanBits = 20;

    private readonly PriorityQueue<SimEvent, EventTime> _soon = new();
    private readonly Dictionary<long, List<(SimEvent, EventTime)>> _later = [];
    private readonly PriorityQueue<long, long> _spans = new();
    private readonly Stack<List<(SimEvent, EventTime)>> _emptied = new();
    private long _span;

    public void Add(in SimEvent what, EventTime time)
    {
        long span = time.At >> SpanBits;
        if (span <= _span)
        {
            _soon.Enqueue(what, time);
            return;
        }
        if (!_later.TryGetValue(span, out List<(SimEvent, EventTime)>? list))
        {
            _later.Add(span, list = _emptied.TryPop(out List<(SimEvent, EventTime)>? emptied) ? emptied : []);
            _spans.Enqueue(span, span);
        }
        list.Add((what, time));
    }

    /// <summary>Looks at the next event that is wanted.</summary>
    public bool TryPeek(out SimEvent next, out EventTime time)
    {
        while (true)
        {
            while (_soon.TryPeek(out next, out time))
            {
                if (next.IsWanted)
                {
                    return true;
                }
                _soon.Dequeue();
            }
            if (!_spans.TryDequeue(out _span, out _))
            {
                return false;
            }
            _later.Remove(_span, out List<(SimEvent What, EventTime Time)>? list);
            foreach ((SimEvent what, EventTime at) in list!)
            {
                if (what.IsWanted)
                {
                    _soon.Enqueue(what, at);
                }
            }
            list.Clear();
            _emptied.Push(list);
        }
    }

    public void Take() => _soon.Dequeue();
}
