using Broker.Engine;
using Broker.Engine.Purgatory;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;
using Simulation.Checks;
using Simulation.Clients;
using Simulation.Faults;
using Simulation.World;

namespace Simulation;

/// <summary>What one seed came to.</summary>
internal sealed record Outcome(
    ulong Seed, string? Failure, ulong Hash, long Steps, int Acknowledged, int Read, int LostWithAcks1, double UnreadMsMax, int Cleanings,
    SimTrace Trace);

/// <summary>One seed: a cluster is made, clients work, faults come, all is healed, and what is there is compared with what must
/// be. Not thread-safe.</summary>
internal sealed class Scenario
{
    private const int ClientMachine = 100;

    /// <summary>Within it all partitions take records again, once the faults are over.</summary>
    private const double RecoveryMs = 60_000;

    /// <summary>Within it all is at rest, once nobody writes any more: a producer's last batch may take two minutes.</summary>
    private const double RestMs = 190_000;

    /// <summary>How often it is looked whether what is waited for has come.</summary>
    private const double AskEveryMs = 25;
    private readonly SimWorld _world;
    private readonly SimCluster _cluster;
    private readonly History _history;
    private readonly Invariants _invariants;
    private readonly Nemesis _nemesis;
    private readonly List<TopicPart> _parts = [];
    private readonly List<SimProducer> _producers = [];
    private readonly List<SimConsumer> _consumers = [];
    private readonly List<SimClient> _others = [];
    private SimChurn? _churn;
    private KeyHistory? _keys;
    private Copies? _copies;
    private readonly int _replication;
    private readonly bool _losesPower;

    public Scenario(ulong seed, bool keepsTrace)
    {
        _world = new SimWorld(seed, keepsTrace);
        _history = new History(_world);
        int brokers = 3 + _world.Random.Next(3);
        _losesPower = _world.Chance(0.25);
        _replication = _world.Chance(0.2) ? 1 : _world.Chance(0.2) ? 2 : 3;
        var overrides = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["log.segment.bytes"] = _world.Pick(["4096", "16384", "1048576"]),
            ["log.flush.interval.messages"] = _world.Pick(["1", "9223372036854775807"]),
            ["log.index.interval.bytes"] = _world.Pick(["0", "256", "4096"]),
        };
        _cluster = new SimCluster(_world, brokers, overrides, _losesPower, (text, _) => _history.Fail("a broker reports: " + text))
        {
            LeastLevel = keepsTrace ? LogLevel.Debug : LogLevel.Error,
        };
        _invariants = new Invariants(_cluster, _history);
        var recoveries = new Recoveries(_history);
        _cluster.Opening = recoveries.Opening;
        _cluster.Opened = recoveries.Opened;
        _cluster.Died = recoveries.Died;
        _history.CommittedEndOf = _invariants.CommittedEndOf;
        _nemesis = new Nemesis(_cluster, _losesPower);
        _world.Log($"seed {seed}: {brokers} brokers, {_replication} replicas, faults: {_nemesis.Kinds}; power {_losesPower}");
        _world.AfterStep = _invariants.Check;
    }

    /// <summary>Logs that were cleaned, by the brokers that run at the end.</summary>
    public int Cleanings { get; private set; }

    public async Task<Outcome> RunAsync()
    {
        foreach (SimBroker broker in _cluster.Brokers)
        {
            _world.ScheduleMs(null, _world.Between(0, 200), broker.Start);
        }
        await RunAsync(30_000, AllServe);
        if (!AllServe())
        {
            _history.Fail("the brokers do not serve 30 s after their start, without any fault");
        }
        await MakeTopicsAsync();
        StartClients();
        _nemesis.Begin();
        await RunAsync(_world.NowMs + 10_000 + _world.Between(0, 30_000));
        _world.Log("all is healed");
        _nemesis.End();
        await EndAsync();
        return new Outcome(
            _world.Seed, _history.Failure, _world.Trace.Hash, _world.Steps, _history.AcknowledgedCount, _history.ReadCount,
            _history.LostWithAcks1, _history.UnreadMsMax, Cleanings, _world.Trace);
    }

    /// <summary>After the faults all works again, and when nobody writes any more, all comes to rest: each as soon as it is so,
    /// and within a time.</summary>
    private async Task EndAsync()
    {
        _history.AcknowledgedSince.Clear();
        bool IsWritten(TopicPart part) => _history.AcknowledgedSince.Contains(part) || _history.IsTainted(part);
        await RunAsync(_world.NowMs + RecoveryMs, () => AllServe() && _parts.TrueForAll(IsWritten));
        if (_parts.Find(p => !IsWritten(p)) is { Topic: not null } part)
        {
            _history.Fail($"nothing was acknowledged in {part} for {RecoveryMs} ms after all was healed");
        }
        _history.HealthySinceMs = _world.NowMs;
        _producers.ForEach(p => p.Stop());
        _others.ForEach(o => o.Stop());
        _churn?.Stop();
        await RunAsync(_world.NowMs + RestMs, () => Unrest() is null);
        // It stays so: mostly for as long as followers take to hear of the high watermark, at times for a lag time and more.
        await RunAsync(_world.NowMs + (_world.Seed % 10 == 0 ? 12_000 : 1_000));
        // But the controller may just be taking leaderships back to where they are preferred: that is over soon.
        await RunAsync(_world.NowMs + 1_000, () => Unrest() is null);
        if (_history.Failure is null && Unrest() is { } unrest)
        {
            _history.Fail(unrest);
        }
        if (_history.Failure is null)
        {
            CheckKeys();
            CheckCopies();
        }
        Cleanings = _cluster.Brokers.Sum(b => b.Server?.Cleaner?.Runs.Count ?? 0);
        _history.CheckEnd(loses1: _replication > 1 || _others.Exists(o => o is SimReassigner));
    }

    private bool AllServe() => _cluster.Brokers.All(
        b => b.Server is { IsServing: true } server && server.Metadata.Current.Brokers.Count == _cluster.Brokers.Count);

    /// <summary>Runs until a time, or until <paramref name="done"/>, which is asked every few milliseconds.</summary>
    private Task RunAsync(double untilMs, Func<bool>? done = null)
    {
        double askAtMs = 0;
        return _world.RunAsync(untilMs, () =>
        {
            if (_history.Failure is not null || done is null || _world.NowMs < askAtMs)
            {
                return _history.Failure is not null;
            }
            askAtMs = _world.NowMs + AskEveryMs;
            return done();
        });
    }

    private async Task MakeTopicsAsync()
    {
        var admin = new SimAdmin(_cluster, "admin", ClientMachine);
        int topics = 1 + _world.Random.Next(2);
        for (int i = 0; i < topics; i++)
        {
            int partitions = 1 + _world.Random.Next(3);
            Task<ErrorCode> making = admin.CreateAsync($"t{i}", partitions, _replication);
            await RunAsync(_world.NowMs + 10_000, () => making.IsCompleted);
            if (!making.IsCompleted || making.Result != ErrorCode.None)
            {
                _history.Fail($"topic t{i} could not be made: {(making.IsCompleted ? making.Result : "no answer")}");
            }
            for (int p = 0; p < partitions; p++)
            {
                _parts.Add(new TopicPart($"t{i}", p));
            }
        }
        if (_world.Chance(0.4))
        {
            _keys = new KeyHistory(new TopicPart("compacted", 0));
            await MakeAsync(
                admin, _keys.Part.Topic, ("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.01"),
                ("delete.retention.ms", _world.Pick(["0", "2000", "86400000"])));
        }
        if (_world.Chance(0.25))
        {
            _copies = new Copies(_history, new TopicPart("copy", 0));
            await MakeAsync(admin, _copies.Target.Topic);
        }
    }

    private async Task MakeAsync(SimAdmin admin, string topic, params (string, string)[] configs)
    {
        Task<ErrorCode> making = admin.CreateAsync(topic, 1, _replication, configs);
        await RunAsync(_world.NowMs + 10_000, () => making.IsCompleted);
        if (!making.IsCompleted || making.Result != ErrorCode.None)
        {
            _history.Fail($"topic {topic} could not be made: {(making.IsCompleted ? making.Result : "no answer")}");
        }
    }

    private void StartClients()
    {
        int machine = ClientMachine;
        for (int i = 1 + _world.Random.Next(3); i > 0; i--)
        {
            bool idempotent = i == 1 || _world.Chance(0.7);
            _producers.Add(new SimProducer(_cluster, _history, $"producer-{i}", ++machine, _parts, idempotent, idempotent && _world.Chance(0.5)));
        }
        for (int i = 1 + _world.Random.Next(2); i > 0; i--)
        {
            _consumers.Add(new SimConsumer(_cluster, _history, $"consumer-{i}", ++machine, _parts));
        }
        if (_world.Chance(0.5))
        {
            _churn = new SimChurn(_cluster, "churn", ++machine, _replication);
            _churn.Start();
        }
        if (_world.Chance(0.4))
        {
            _others.Add(new SimReassigner(_cluster, "reassigner", ++machine, _parts, _replication));
        }
        if (_world.Chance(0.4))
        {
            var group = new GroupHistory(_history);
            for (int i = 1 + _world.Random.Next(3); i > 0; i--)
            {
                _others.Add(new SimMember(_cluster, group, $"member-{i}", ++machine, _parts));
            }
        }
        if (_keys is not null)
        {
            _others.Add(new SimKeyWriter(_cluster, _keys, "key-writer", ++machine));
        }
        for (int i = _copies is null ? 0 : 1 + _world.Random.Next(2); i > 0; i--)
        {
            _others.Add(new SimCopier(_cluster, _history, _copies!.Group, $"copier-{i}", ++machine, _parts, _copies.Target));
        }
        _others.ForEach(o => o.Start());
        _producers.ForEach(p => p.Start());
        _consumers.ForEach(c => c.Start());
    }

    /// <summary>An operation that still waits, though nobody asks for anything.</summary>
    private string? Waiting()
    {
        foreach (SimBroker broker in _cluster.Brokers)
        {
            DelayedOperationPurgatory[] purgatories = [broker.Server!.ProducePurgatory, broker.Server.DeleteRecordsPurgatory, broker.Server.TopicPurgatory];
            if (Array.Find(purgatories, p => p.NumDelayedOperations + p.PurgatorySize > 0) is { } left)
            {
                return $"20: {left.NumDelayedOperations} operations wait in purgatory {left.Name} of broker {broker.Id}, {left.PurgatorySize} in lists";
            }
        }
        return null;
    }

    /// <summary>What is not as it must be when all was healed long ago and nobody writes; null when all is.</summary>
    private string? Unrest()
    {
        foreach (SimClient client in _producers.Concat(_others).Where(c => !c.Running.IsCompleted))
        {
            return $"{client.Name} still waits, {RestMs} ms after it was to stop";
        }
        foreach (SimBroker broker in _cluster.Brokers)
        {
            if (broker.Server is not { IsServing: true })
            {
                return $"broker {broker.Id} does not serve, long after all was healed";
            }
        }
        foreach (TopicPart part in _parts.Where(p => !_history.IsTainted(p)))
        {
            foreach (SimConsumer consumer in _consumers.Where(c => c.PositionOf(part) < _invariants.CommittedEndOf(part)))
            {
                return $"4: {consumer.Name} has read {part} up to {consumer.PositionOf(part)}, not to its end {_invariants.CommittedEndOf(part)}";
            }
        }
        List<TopicPart> parts = [.. _parts];
        if (_keys is not null)
        {
            parts.Add(_keys.Part);
        }
        if (_copies is not null)
        {
            parts.Add(_copies.Target);
        }
        return Waiting() ?? _invariants.Unrest(parts) ?? _churn?.Unrest();
    }

    /// <summary>Nothing that was committed as copied is missing (invariants 11 and 12, as far as they go without transactions).</summary>
    private void CheckCopies()
    {
        if (_copies is null || _history.IsTainted(_copies.Target) || _history.IsTaintedTopic("__consumer_offsets"))
        {
            return;
        }
        foreach (SimBroker broker in _cluster.Brokers)
        {
            if (broker.Server!.Replicas.Partitions.Find(new TopicPartition(_copies.Target.Topic, 0)) is { } replica
                && _copies.Missing(replica, _parts) is { } missing)
            {
                _history.Fail($"11: broker {broker.Id}: {missing}");
            }
        }
    }

    /// <summary>Every replica of the compacted partition has what was written last (invariant 19).</summary>
    private void CheckKeys()
    {
        if (_keys is null || _history.IsTainted(_keys.Part))
        {
            return;
        }
        foreach (SimBroker broker in _cluster.Brokers)
        {
            if (broker.Server!.Replicas.Partitions.Find(new TopicPartition(_keys.Part.Topic, _keys.Part.Partition)) is { } replica)
            {
                if (_keys.Difference(replica) is { } difference)
                {
                    _history.Fail($"19: broker {broker.Id} {_keys.Part}: {difference}");
                }
            }
        }
    }
}
