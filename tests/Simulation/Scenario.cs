using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;
using Simulation.Checks;
using Simulation.Clients;
using Simulation.Faults;
using Simulation.World;

namespace Simulation;

/// <summary>What one seed came to.</summary>
internal sealed record Outcome(ulong Seed, string? Failure, ulong Hash, long Steps, int Acknowledged, int Read, int LostWithAcks1, SimTrace Trace);

/// <summary>One seed: a cluster is made, clients work, faults come, all is healed, and what is there is compared with what must
/// be. Not thread-safe.</summary>
internal sealed class Scenario
{
    private const int ClientMachine = 100;
    private readonly SimWorld _world;
    private readonly SimCluster _cluster;
    private readonly History _history;
    private readonly Invariants _invariants;
    private readonly Nemesis _nemesis;
    private readonly List<TopicPart> _parts = [];
    private readonly List<SimProducer> _producers = [];
    private readonly List<SimConsumer> _consumers = [];
    private SimChurn? _churn;
    private readonly int _replication;
    private readonly bool _losesPower;

    public Scenario(ulong seed, bool keepsTrace)
    {
        _world = new SimWorld(seed);
        _world.Trace.KeepsAll = keepsTrace;
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
        _cluster = new SimCluster(_world, brokers, overrides, (text, _) => _history.Fail("a broker reports: " + text))
        {
            LeastLevel = keepsTrace ? LogLevel.Debug : LogLevel.Information,
        };
        _invariants = new Invariants(_cluster, _history);
        _cluster.LosingPower = _invariants.LosesPower;
        _history.CommittedEndOf = _invariants.CommittedEndOf;
        _nemesis = new Nemesis(_cluster, _losesPower);
        _world.Log($"seed {seed}: {brokers} brokers, {_replication} replicas, faults: {_nemesis.Kinds}; power {_losesPower}");
        _world.AfterStep = _invariants.Check;
    }

    public async Task<Outcome> RunAsync()
    {
        foreach (SimBroker broker in _cluster.Brokers)
        {
            _world.ScheduleMs(null, _world.Between(0, 200), broker.Start);
        }
        bool AllServe() => _cluster.Brokers.All(
            b => b.Server is { IsServing: true } server && server.Metadata.Current.Brokers.Count == _cluster.Brokers.Count);
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
        await RunAsync(_world.NowMs + 25_000);
        _producers.ForEach(p => p.Stop());
        _churn?.Stop();
        await RunAsync(_world.NowMs + 130_000, () => _producers.TrueForAll(p => p.Running.IsCompleted));
        await RunAsync(_world.NowMs + 60_000, AllIsRead);
        await RunAsync(_world.NowMs + 5_000);   // followers hear of the high watermark with their next fetch
        if (_history.Failure is null)
        {
            CheckEnd();
        }
        return new Outcome(
            _world.Seed, _history.Failure, _world.Trace.Hash, _world.Steps, _history.AcknowledgedCount, _history.ReadCount,
            _history.LostWithAcks1, _world.Trace);
    }

    private Task RunAsync(double untilMs, Func<bool>? done = null) =>
        _world.RunAsync(untilMs, () => _history.Failure is not null || (done is not null && done()));

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
    }

    private void StartClients()
    {
        int machine = ClientMachine;
        for (int i = 1 + _world.Random.Next(3); i > 0; i--)
        {
            bool idempotent = i == 1 || _world.Chance(0.7);
            _producers.Add(new SimProducer(_cluster, _history, $"producer-{i}", ++machine, _parts, idempotent));
        }
        for (int i = 1 + _world.Random.Next(2); i > 0; i--)
        {
            _consumers.Add(new SimConsumer(_cluster, _history, $"consumer-{i}", ++machine, _parts));
        }
        if (_world.Chance(0.5))
        {
            _churn = new SimChurn(_cluster, _history, "churn", ++machine, _replication);
            _churn.Start();
        }
        _producers.ForEach(p => p.Start());
        _consumers.ForEach(c => c.Start());
    }

    private bool AllIsRead() => _parts.TrueForAll(p => _consumers.TrueForAll(c => c.PositionOf(p) >= _invariants.CommittedEndOf(p)));

    private void CheckEnd()
    {
        foreach (SimBroker broker in _cluster.Brokers)
        {
            if (broker.Server is not { IsServing: true })
            {
                _history.Fail($"broker {broker.Id} does not serve, long after all was healed");
                return;
            }
        }
        _invariants.CheckEnd(_parts);
        foreach (TopicPart part in _parts.Where(p => !_history.IsTainted(p)))
        {
            foreach (SimConsumer consumer in _consumers.Where(c => c.PositionOf(part) < _invariants.CommittedEndOf(part)))
            {
                _history.Fail($"4: {consumer.Name} has read {part} up to {consumer.PositionOf(part)}, not to its end {_invariants.CommittedEndOf(part)}");
            }
        }
        foreach (SimProducer producer in _producers.Where(p => !p.Running.IsCompleted))
        {
            _history.Fail($"{producer.Name} still waits, two minutes after all was healed");
        }
        _churn?.CheckEnd();
        _history.CheckEnd(loses1: _replication > 1);
    }
}
