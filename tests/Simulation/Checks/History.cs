using Broker.Protocol.Messages;
using Simulation.World;

namespace Simulation.Checks;

/// <summary>A partition of a topic.</summary>
internal readonly record struct TopicPart(string Topic, int Partition)
{
    public override string ToString() => $"{Topic}-{Partition}";
}

/// <summary>Something that must not be.</summary>
internal sealed class InvariantException(string message) : Exception(message);

/// <summary>
/// What clients sent, were told and read, against the invariants that hold for them: one value an offset, no acknowledged value
/// lost, doubled or out of order, a high watermark that does not go back. Values are numbers, each sent once. Not thread-safe.
/// </summary>
internal sealed class History(SimWorld world)
{
    /// <summary>A consumer that was away reads some kilobytes at a time.</summary>
    private const double UnreadMsBound = 60_000;

    private readonly Dictionary<TopicPart, Dictionary<long, long>> _valueAt = [];

    /// <summary>What was sent, by its value: the first is 1.</summary>
    private readonly List<Sent> _sent = [];
    private readonly Dictionary<(TopicPart, string), (int Epoch, long HighWatermark)> _seenHighWatermarks = [];
    private readonly HashSet<(long, short)> _producerIds = [];
    private readonly HashSet<TopicPart> _tainted = [];

    /// <summary>The first violation.</summary>
    public string? Failure { get; private set; }

    public int AcknowledgedCount { get; private set; }

    /// <summary>Partitions in which something was acknowledged since it was last cleared.</summary>
    public HashSet<TopicPart> AcknowledgedSince { get; } = [];

    public int ReadCount { get; private set; }

    /// <summary>When the last fault was healed and all brokers served again, or negative.</summary>
    public double HealthySinceMs { get; set; } = -1;

    /// <summary>The greatest age, in milliseconds, of a record that was acknowledged and not read, counted while all was healthy.</summary>
    public double UnreadMsMax { get; private set; }

    /// <summary>Values acknowledged with acks=1 that were lost, which Kafka allows.</summary>
    public int LostWithAcks1 { get; private set; }

    private sealed class Sent(TopicPart target, string producer, bool isIdempotent)
    {
        public TopicPart Target { get; } = target;

        public string Producer { get; } = producer;

        public bool IsIdempotent { get; } = isIdempotent;

        public long Offset { get; set; } = -1;

        public bool IsAcknowledged { get; set; }

        public double AcknowledgedMs { get; set; }

        /// <summary>When it was first read, or negative.</summary>
        public double ReadMs { get; set; } = -1;

        public long ReadAt { get; set; } = -1;

        /// <summary>Attempts that have no answer yet.</summary>
        public int Sending { get; set; }

        /// <summary>Whether an attempt may have appended it.</summary>
        public bool MayBeThere { get; set; }
    }

    public void Fail(string violation)
    {
        if (Failure is null)
        {
            Failure = violation;
            world.Log($"VIOLATION: {violation}");
        }
    }

    /// <summary>The last replicas of a partition lost their power: what they had not synced may be gone.</summary>
    public void Taint(TopicPart target)
    {
        if (_tainted.Add(target))
        {
            world.Log($"{target} may lose what is not synced");
        }
    }

    public bool IsTainted(TopicPart target) => _tainted.Contains(target);

    public bool IsTaintedTopic(string topic) => _tainted.Any(t => t.Topic == topic);

    public long NewValue(TopicPart target, string producer, bool isIdempotent)
    {
        _sent.Add(new Sent(target, producer, isIdempotent));
        return _sent.Count;
    }

    public void ProducerIdGiven(long id, short epoch, string producer)
    {
        if (!_producerIds.Add((id, epoch)))
        {
            Fail($"17: producer id {id} epoch {epoch} was given out twice, now to {producer}");
        }
    }

    private Sent SentOf(long value) => _sent[(int)value - 1];

    /// <summary>An attempt to send values begins.</summary>
    public void Sending(long[] values)
    {
        foreach (long value in values)
        {
            SentOf(value).Sending++;
        }
    }

    /// <summary>An attempt has ended, with an answer or without.</summary>
    public void Answered(long[] values, ErrorCode? answer)
    {
        // These are answered before anything is appended; with any other it may have been.
        bool isDefinite = answer is ErrorCode.NotEnoughReplicas or ErrorCode.InvalidTimestamp or ErrorCode.OutOfOrderSequenceNumber
            or ErrorCode.UnknownProducerId or ErrorCode.InvalidProducerEpoch;
        foreach (long value in values)
        {
            SentOf(value).Sending--;
            SentOf(value).MayBeThere |= !isDefinite;
        }
    }

    public void Acknowledged(TopicPart target, long[] values, long baseOffset, bool isDurable)
    {
        AcknowledgedSince.Add(target);
        for (int i = 0; i < values.Length; i++)
        {
            Sent sent = SentOf(values[i]);
            sent.IsAcknowledged = true;
            sent.AcknowledgedMs = world.NowMs;
            AcknowledgedCount++;
            if (baseOffset >= 0)
            {
                sent.Offset = baseOffset + i;
                if (isDurable && CommittedEndOf is { } end && !IsTainted(target) && end(target) <= sent.Offset)
                {
                    Fail($"15: {target} {values[i]} was acknowledged at {sent.Offset}, but the high watermark has reached {end(target)} only");
                }
                if (isDurable)
                {
                    Bind(target, sent.Offset, values[i], "acknowledged");
                }
            }
        }
    }

    /// <summary>Tells up to where a partition is committed.</summary>
    public Func<TopicPart, long>? CommittedEndOf { get; set; }

    public void SequenceRefused(TopicPart target, string producer, ErrorCode error, int sequence)
    {
        if (!IsTainted(target))
        {
            Fail($"17: {producer} was refused its sequence {sequence} for {target} with {error}, though all before it were acknowledged");
        }
    }

    public void OutOfRange(TopicPart source, string consumer, long position, int epoch)
    {
        if (!IsTainted(source))
        {
            Fail($"3: {consumer} has read {source} up to {position}, which is out of range in epoch {epoch}");
        }
    }

    public void SawHighWatermark(TopicPart source, string consumer, int epoch, long highWatermark, long lastStable)
    {
        if (lastStable > highWatermark)
        {
            Fail($"13: {consumer} saw last stable offset {lastStable} above high watermark {highWatermark} of {source}");
        }
        if (_seenHighWatermarks.TryGetValue((source, consumer), out (int Epoch, long HighWatermark) before)
            && before.Epoch == epoch && highWatermark < before.HighWatermark && !IsTainted(source))
        {
            Fail($"13: {consumer} saw the high watermark of {source} go back from {before.HighWatermark} to {highWatermark} in epoch {epoch}");
        }
        _seenHighWatermarks[(source, consumer)] = (epoch, highWatermark);
    }

    /// <summary>A consumer got a record.</summary>
    /// <param name="source">Of which partition.</param>
    /// <param name="consumer">Its name.</param>
    /// <param name="position">The offset it was to read next.</param>
    /// <param name="offset">The record's.</param>
    /// <param name="value">What it holds.</param>
    public void Read(TopicPart source, string consumer, long position, long offset, long value)
    {
        ReadCount++;
        if (value < 1 || value > _sent.Count || SentOf(value) is not { } sent || sent.Target != source)
        {
            Fail($"1: {consumer} read {value} from {source} at {offset}, where nobody sent it");
            return;
        }
        sent.ReadMs = sent.ReadMs < 0 ? world.NowMs : sent.ReadMs;
        if (IsTainted(source))
        {
            sent.ReadAt = offset;
            return;
        }
        if (offset > position)
        {
            Fail($"8: {consumer} at {position} of {source} was given {offset}");
        }
        if (!sent.MayBeThere && sent.Sending == 0)
        {
            Fail($"5: {consumer} read {value} from {source} at {offset}, whose every attempt was refused");
        }
        Bind(source, offset, value, $"read by {consumer}");
        if (sent.IsIdempotent && sent.ReadAt >= 0 && sent.ReadAt != offset)
        {
            Fail($"2: {value} lies in {source} at {sent.ReadAt} and at {offset}");
        }
        sent.ReadAt = offset;
    }

    private void Bind(TopicPart part, long offset, long value, string how)
    {
        if (!_valueAt.TryGetValue(part, out Dictionary<long, long>? values))
        {
            _valueAt.Add(part, values = []);
        }
        if (!values.TryAdd(offset, value) && values[offset] != value && !IsTainted(part))
        {
            Fail($"1: {part} at {offset} was {values[offset]} and is {value} ({how})");
        }
    }

    /// <summary>What is known to lie in a partition, by offset.</summary>
    public IReadOnlyDictionary<long, long> ValuesOf(TopicPart part) =>
        _valueAt.TryGetValue(part, out Dictionary<long, long>? values) ? values : [];

    /// <summary>After the last poll: everything acknowledged was read, once, in the order it was sent.</summary>
    /// <param name="loses1">Whether what acks=1 acknowledged may be lost.</param>
    public void CheckEnd(bool loses1)
    {
        var last = new Dictionary<(TopicPart, string), (long Value, long Offset)>();
        for (long value = 1; value <= _sent.Count; value++)
        {
            Sent sent = SentOf(value);
            if (IsTainted(sent.Target))
            {
                continue;
            }
            if (sent.IsAcknowledged && sent.ReadAt < 0)
            {
                if (!sent.IsIdempotent && loses1)
                {
                    LostWithAcks1++;
                    continue;
                }
                Fail($"3: {value} was acknowledged in {sent.Target} at {sent.Offset} at {sent.AcknowledgedMs:0} ms, and is lost");
            }
            if (sent is { IsAcknowledged: true, ReadMs: >= 0 } && HealthySinceMs >= 0)
            {
                UnreadMsMax = Math.Max(UnreadMsMax, sent.ReadMs - Math.Max(sent.AcknowledgedMs, HealthySinceMs));
            }
            if (sent.IsIdempotent && sent.ReadAt >= 0)
            {
                (TopicPart, string) key = (sent.Target, sent.Producer);
                if (last.TryGetValue(key, out (long Value, long Offset) before) && sent.ReadAt < before.Offset)
                {
                    Fail($"9: {sent.Producer} sent {before.Value} before {value} to {sent.Target}, which lie at {before.Offset} and {sent.ReadAt}");
                }
                last[key] = (value, sent.ReadAt);
            }
        }
        if (UnreadMsMax > UnreadMsBound)
        {
            Fail($"10: a record was acknowledged and not read for {UnreadMsMax:0} ms, while all was healthy");
        }
    }
}
