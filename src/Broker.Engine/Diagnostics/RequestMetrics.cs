using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Diagnostics;

/// <summary>
/// Counts requests and their phases (Kafka: RequestMetrics). Each network thread writes shards of its own with plain adds;
/// where connections have no thread of their own, a lock stands in for it. Nothing is allocated but an API's first shard.
/// </summary>
/// <param name="threads">Network threads; 0 where connections have none.</param>
/// <param name="listeners">Names of the listeners.</param>
/// <param name="time">The broker's clock.</param>
internal sealed class RequestMetrics(int threads, IReadOnlyList<string> listeners, TimeProvider time)
{
    /// <summary>APIs that can be counted; a follower's Fetch has the last place.</summary>
    private const int Slots = 129;
    private const int FollowerFetch = 128;

    private readonly Lock? _shared = threads == 0 ? new Lock() : null;
    private readonly RequestShard?[][] _shards = [.. Enumerable.Range(0, Math.Max(1, threads)).Select(_ => new RequestShard?[Slots])];
    private readonly SendCounts?[][] _sends = [.. Enumerable.Range(0, Math.Max(1, threads)).Select(_ => new SendCounts?[listeners.Count])];
    private readonly Dictionary<string, RequestApi> _apis = new(StringComparer.Ordinal);
    private readonly Lock _reading = new();

    public IReadOnlyList<string> Listeners => listeners;

    /// <summary>A listener's number, for <see cref="Record"/>.</summary>
    public int IndexOf(string listener)
    {
        for (int i = 0; i < listeners.Count; i++)
        {
            if (listeners[i] == listener)
            {
                return i;
            }
        }
        return 0;
    }

    /// <summary>What a network thread sent over a listener, or null when that is nothing.</summary>
    public SendCounts? Sends(int networkThread, int listener) => Volatile.Read(ref _sends[networkThread][listener]);

    /// <summary>Books a request whose answer is written but not yet sent; called by the connection's thread.</summary>
    /// <param name="networkThread">That thread.</param>
    /// <param name="response">The answer.</param>
    /// <param name="writeBegan">Timestamp of the moment its turn came.</param>
    /// <param name="wroteAt">Timestamp of the moment it was written.</param>
    /// <param name="listener">Number of the connection's listener.</param>
    /// <param name="bytes">Size of the answer.</param>
    /// <returns>What <see cref="Sent"/> needs.</returns>
    public RequestShard Record(
        int networkThread, PendingResponse response, long writeBegan, long wroteAt, int listener, long bytes)
    {
        if (_shared is null)
        {
            return RecordOwn(networkThread, response, writeBegan, wroteAt, listener, bytes);
        }
        lock (_shared)
        {
            return RecordOwn(0, response, writeBegan, wroteAt, listener, bytes);
        }
    }

    private RequestShard RecordOwn(
        int networkThread, PendingResponse response, long writeBegan, long wroteAt, int listener, long bytes)
    {
        ref readonly RequestArrival arrival = ref response.Arrival;
        int slot = response.IsFollowerFetch ? FollowerFetch : arrival.ApiKey;
        RequestShard shard = _shards[networkThread][slot] ??= new RequestShard();
        long began = response.TakenAt == 0 ? arrival.ReceivedAt : response.TakenAt;
        long done = response.LocalDoneAt == 0 ? response.ReadyAt : response.LocalDoneAt;
        shard.Versions[Math.Min((int)arrival.Version, RequestShard.VersionCount - 1)]++;
        response.CountErrors(shard);
        RecordUnlessZero(shard, RequestFigure.RequestQueueTimeMs, began - arrival.ReceivedAt);
        // Writing the answer is the broker's own work as well: Fetch looks its bytes up then.
        RecordUnlessZero(shard, RequestFigure.LocalTimeMs, done - began + wroteAt - writeBegan);
        RecordUnlessZero(shard, RequestFigure.RemoteTimeMs, response.ReadyAt - done);
        RecordUnlessZero(shard, RequestFigure.ResponseQueueTimeMs, writeBegan - response.ReadyAt);
        RecordUnlessZero(shard, RequestFigure.RequestBytes, arrival.Bytes);
        RecordUnlessZero(shard, RequestFigure.MessageConversionsTimeMs, response.ConversionTicks);
        RecordUnlessZero(shard, RequestFigure.TemporaryMemoryBytes, response.TemporaryBytes);
        shard.Requests++;
        SendCounts send = _sends[networkThread][listener] ??= new SendCounts();
        send.Requests++;
        send.RequestBytes += arrival.Bytes + sizeof(int);
        if (bytes > 0)
        {
            send.Responses++;
            send.ResponseBytes += bytes;
            send.ResponseBytesMax = Math.Max(send.ResponseBytesMax, bytes);
        }
        return shard;
    }

    /// <summary>Zeros are most of the figures: they are known from the count of requests.</summary>
    private static void RecordUnlessZero(RequestShard shard, RequestFigure figure, long value)
    {
        if (value != 0)
        {
            shard.Of(figure).Record(value);
        }
    }

    /// <summary>Books that an answer has gone out; called by the connection's thread.</summary>
    public void Sent(RequestShard shard, long receivedAt, long wroteAt, long sentAt)
    {
        if (_shared is null)
        {
            SentOwn(shard, receivedAt, wroteAt, sentAt);
            return;
        }
        lock (_shared)
        {
            SentOwn(shard, receivedAt, wroteAt, sentAt);
        }
    }

    private static void SentOwn(RequestShard shard, long receivedAt, long wroteAt, long sentAt)
    {
        shard.Of(RequestFigure.ResponseSendTimeMs).Record(sentAt - wroteAt);
        shard.Of(RequestFigure.TotalTimeMs).Record(sentAt - receivedAt);
    }

    private static bool HasConversions(int slot) => slot is (short)ApiKey.Produce or (short)ApiKey.Fetch;

    /// <summary>The APIs that were called, by name: Fetch in all, and as consumers' and followers'.</summary>
    public IReadOnlyList<RequestApi> Apis()
    {
        lock (_reading)
        {
            for (int slot = 0; slot < Slots; slot++)
            {
                if (IsCalled(slot))
                {
                    AddApis(slot);
                }
            }
            return [.. _apis.Values.OrderBy(a => a.Name, StringComparer.Ordinal)];
        }
    }

    private bool IsCalled(int slot)
    {
        foreach (RequestShard?[] thread in _shards)
        {
            if (Volatile.Read(ref thread[slot]) is not null)
            {
                return true;
            }
        }
        return false;
    }

    private void AddApis(int slot)
    {
        if (slot is (short)ApiKey.Fetch or FollowerFetch)
        {
            Add(nameof(ApiKey.Fetch), (short)ApiKey.Fetch, FollowerFetch);
            Add(slot == FollowerFetch ? "FetchFollower" : "FetchConsumer", slot);
        }
        else
        {
            Add(((ApiKey)slot).ToString(), slot);
        }
    }

    private void Add(string name, params int[] slots)
    {
        if (!_apis.ContainsKey(name))
        {
            _apis.Add(name, new RequestApi(name, HasConversions(slots[0]), time, known => Shards(slots, known)));
        }
    }

    /// <summary>The shards of some slots that there are by now; they do not go again.</summary>
    /// <param name="slots">Which.</param>
    /// <param name="known">What was found before: given back where there are no more.</param>
    private RequestShard[] Shards(int[] slots, RequestShard[] known)
    {
        int count = 0;
        foreach (RequestShard?[] thread in _shards)
        {
            foreach (int slot in slots)
            {
                count += Volatile.Read(ref thread[slot]) is null ? 0 : 1;
            }
        }
        return count == known.Length ? known : Collect(slots);
    }

    private RequestShard[] Collect(int[] slots) =>
        [.. _shards.SelectMany(t => slots.Select(s => Volatile.Read(ref t[s]))).OfType<RequestShard>()];

    public void Tick()
    {
        foreach (RequestApi api in Apis())
        {
            api.Tick();
        }
    }
}

/// <summary>One API's figures over all threads. Thread-safe.</summary>
internal sealed class RequestApi
{
    private readonly Lock _lock = new();
    private readonly Func<RequestShard[], RequestShard[]> _find;
    private readonly TimeProvider _time;
    private readonly Meter?[] _versions = new Meter?[RequestShard.VersionCount];
    private readonly Meter?[] _errors = new Meter?[RequestShard.ErrorCount];
    private readonly Histogram?[] _figures = new Histogram?[RequestShard.FigureCount];
    private RequestShard[] _known = [];

    /// <param name="name">Kafka's name.</param>
    /// <param name="hasConversions">Whether it counts conversions.</param>
    /// <param name="time">The broker's clock.</param>
    /// <param name="find">Finds its shards, given those that it found before.</param>
    public RequestApi(string name, bool hasConversions, TimeProvider time, Func<RequestShard[], RequestShard[]> find)
    {
        Name = name;
        _find = find;
        _time = time;
        All = new CountMeter(time, "requests", () => Shards().Sum(s => s.Requests));
        for (int i = 0; i < RequestShard.FigureCount; i++)
        {
            var figure = (RequestFigure)i;
            bool isTime = RequestShard.IsTime(figure);
            bool hasZeros = figure is RequestFigure.ResponseSendTimeMs or RequestFigure.TotalTimeMs;
            if (hasConversions || figure is not (RequestFigure.MessageConversionsTimeMs or RequestFigure.TemporaryMemoryBytes))
            {
                _figures[i] = new Histogram(
                    () => Shards().Select(s => s.Of(figure)), isTime ? LatencyTimer.MsPerTimestamp : 1, isTime ? LatencyTimer.Shift : 0,
                    hasZeros ? null : () => Shards().Sum(s => s.Requests));
            }
        }
    }

    /// <summary>Kafka's name: Produce, FetchConsumer ...</summary>
    public string Name { get; }

    /// <summary>Requests of every version.</summary>
    public Meter All { get; }

    private RequestShard[] Shards() => _known = _find(_known);

    /// <summary>Answers that carried an error, by code; each partition's counts.</summary>
    public long Failures => Shards().Sum(s => s.Errors.Sum() - s.Errors[1 + (int)ErrorCode.None]);

    /// <summary>A histogram, or null where the API has none of the kind.</summary>
    public Histogram? Find(RequestFigure figure) => _figures[(int)figure];

    /// <summary>Meters of the versions that were asked for.</summary>
    public IEnumerable<(int Version, Meter Meter)> Versions() => Made(_versions, "requests", (s, i) => s.Versions[i]);

    /// <summary>Meters of the error codes that were answered.</summary>
    public IEnumerable<(ErrorCode Code, Meter Meter)> Errors() =>
        Made(_errors, "requests", (s, i) => s.Errors[i]).Select(e => ((ErrorCode)(e.Index - 1), e.Meter));

    private List<(int Index, Meter Meter)> Made(Meter?[] meters, string eventType, Func<RequestShard, int, long> count)
    {
        List<(int, Meter)> made = [];
        lock (_lock)
        {
            for (int i = 0; i < meters.Length; i++)
            {
                if (meters[i] is null && IsCounted(i, count))
                {
                    meters[i] = MeterOf(i, eventType, count);
                }
                if (meters[i] is { } meter)
                {
                    made.Add((i, meter));
                }
            }
        }
        return made;
    }

    private bool IsCounted(int index, Func<RequestShard, int, long> count)
    {
        foreach (RequestShard shard in Shards())
        {
            if (count(shard, index) > 0)
            {
                return true;
            }
        }
        return false;
    }

    private CountMeter MeterOf(int index, string eventType, Func<RequestShard, int, long> count) =>
        new(_time, eventType, () => Shards().Sum(s => count(s, index)));

    public void Tick()
    {
        All.Tick();
        if (All.Count == 0)
        {
            return;   // as for most APIs
        }
        Made(_versions, "requests", (s, i) => s.Versions[i]).ForEach(m => m.Meter.Tick());
        Made(_errors, "requests", (s, i) => s.Errors[i]).ForEach(m => m.Meter.Tick());
        Array.ForEach(_figures, f => f?.Tick());
    }
}
