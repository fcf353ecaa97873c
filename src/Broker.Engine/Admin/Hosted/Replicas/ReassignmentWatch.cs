namespace Broker.Engine.Admin.Hosted.Replicas;

/// <summary>A reassignment as the controller lists it.</summary>
internal sealed record Reassignment(TopicPartition Id, IReadOnlyList<int> Replicas, IReadOnlyList<int> Adding, IReadOnlyList<int> Removing)
{
    public IReadOnlyList<int> Target => [.. Replicas.Where(r => !Removing.Contains(r))];
}

/// <summary>How far the copies of a partition are.</summary>
internal readonly record struct CopiedBytes(long Done, long Total);

/// <summary>
/// Follows reassignments from one list of the controller to the next: since when each is known, how fast it goes on (smoothed over
/// about <see cref="SmoothSeconds"/>) and when it should end. Bounded by what the controller lists. Thread-safe.
/// </summary>
internal sealed class ReassignmentWatch
{
    private const double SmoothSeconds = 10;

    /// <summary>Lists that follow each other sooner say nothing of the pace.</summary>
    private const double PaceSecondsMin = 0.5;

    private readonly Lock _lock = new();
    private readonly Dictionary<TopicPartition, Watched> _watched = [];
    private List<Watched> _items = [];
    private DateTimeOffset? _readAt;

    /// <summary>How many there were at the last list.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _items.Count;
            }
        }
    }

    /// <summary>When the controller was asked last.</summary>
    public DateTimeOffset? ReadAt
    {
        get
        {
            lock (_lock)
            {
                return _readAt;
            }
        }
    }

    /// <summary>Takes a list in.</summary>
    /// <param name="list">All that are under way.</param>
    /// <param name="copied">How far one is; null where that is not known.</param>
    /// <param name="now">The time of day.</param>
    public void Observe(IReadOnlyCollection<Reassignment> list, Func<Reassignment, CopiedBytes?> copied, DateTimeOffset now)
    {
        lock (_lock)
        {
            HashSet<TopicPartition> listed = [.. list.Select(r => r.Id)];
            foreach (TopicPartition gone in _watched.Keys.Where(k => !listed.Contains(k)).ToArray())
            {
                _watched.Remove(gone);
            }
            foreach (Reassignment one in list)
            {
                if (!_watched.TryGetValue(one.Id, out Watched? watched) || !watched.Of.Target.SequenceEqual(one.Target))
                {
                    _watched[one.Id] = watched = new Watched(now);
                }
                watched.Take(one, copied(one), now);
            }
            _items = [.. _watched.Values.OrderBy(w => w.Of.Id.Topic, StringComparer.Ordinal).ThenBy(w => w.Of.Id.Partition)];
            _readAt = now;
        }
    }

    public ReassignmentsView Read(int skip, int take, long? throttle)
    {
        lock (_lock)
        {
            int from = Math.Clamp(skip, 0, _items.Count);
            (long done, long total, double rate) = (0, 0, 0);
            foreach (Watched watched in _items)
            {
                done += watched.Copied?.Done ?? 0;
                total += watched.Copied?.Total ?? 0;
                rate += watched.BytesPerSec;
            }
            return new ReassignmentsView
            {
                Items = new Page<ReassignmentView>(
                    [.. _items.Skip(from).Take(Math.Clamp(take, 0, ClusterAdmin.TakeMax)).Select(w => w.View())], _items.Count, from),
                BytesTotal = total,
                BytesDone = done,
                BytesPerSec = rate,
                RemainingMs = _items.Count == 0 ? null : Remaining(done, total, rate),
                ThrottleBytesPerSec = throttle,
                ReadAt = _readAt,
            };
        }
    }

    /// <summary>The one of a partition, or null.</summary>
    public Reassignment? Find(TopicPartition id)
    {
        lock (_lock)
        {
            return _watched.GetValueOrDefault(id)?.Of;
        }
    }

    /// <summary>The partitions under way.</summary>
    public IReadOnlyList<TopicPartition> Partitions()
    {
        lock (_lock)
        {
            return [.. _items.Select(i => i.Of.Id)];
        }
    }

    private static long? Remaining(long done, long total, double rate) =>
        rate < 1 ? null : (long)Math.Min(1000 * (total - done) / rate, long.MaxValue / 2);

    private sealed class Watched(DateTimeOffset startedAt)
    {
        private DateTimeOffset _pacedAt;
        private long _pacedDone = -1;

        public Reassignment Of { get; private set; } = null!;

        public CopiedBytes? Copied { get; private set; }

        public double BytesPerSec { get; private set; }

        public void Take(Reassignment one, CopiedBytes? copied, DateTimeOffset now)
        {
            (Of, Copied) = (one, copied);
            if (copied is not { } known)
            {
                return;
            }
            double seconds = (now - _pacedAt).TotalSeconds;
            if (_pacedDone >= 0 && seconds < PaceSecondsMin)
            {
                return;
            }
            if (_pacedDone >= 0)
            {
                double rate = Math.Max(0, (known.Done - _pacedDone) / seconds);
                double weight = BytesPerSec == 0 ? 1 : 1 - Math.Exp(-seconds / SmoothSeconds);
                BytesPerSec += (rate - BytesPerSec) * weight;
            }
            (_pacedAt, _pacedDone) = (now, known.Done);
        }

        public ReassignmentView View() => new()
        {
            Topic = Of.Id.Topic,
            Partition = Of.Id.Partition,
            Target = Of.Target,
            Adding = Of.Adding,
            Removing = Of.Removing,
            BytesTotal = Copied?.Total,
            BytesDone = Copied?.Done,
            BytesPerSec = BytesPerSec,
            StartedAt = startedAt,
            RemainingMs = Copied is { } copied ? Remaining(copied.Done, copied.Total, BytesPerSec) : null,
        };
    }
}
