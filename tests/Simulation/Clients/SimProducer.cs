using System.Globalization;
using System.Text;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Simulation.Checks;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>
/// A producer as librdkafka and the Java client are one: with acks=all and idempotence, or with acks=1 and neither; with one
/// batch under way, or with five to each partition. It sends a batch again until it is acknowledged, or two minutes have passed.
/// Not thread-safe.
/// </summary>
internal sealed class SimProducer(
    SimCluster cluster, History history, string name, int machine, IReadOnlyList<TopicPart> targets, bool idempotent,
    bool isPipelined)
    : SimClient(cluster, name, machine)
{
    private const int DeliveryTimeoutMs = 120_000;

    /// <summary>What a broker remembers of a producer, and so what may be under way (max.in.flight.requests.per.connection).</summary>
    private const int InFlightMax = 5;

    private static readonly double[] s_calms = [1, 4, 4, 8];

    private readonly RecordCodecs _codecs = new();
    private readonly Dictionary<TopicPart, int> _sequences = [];

    /// <summary>How much longer than the busiest it rests: bursts are what finds most, but most of a burst finds nothing new.</summary>
    private readonly double _calm = cluster.World.Pick(s_calms);
    private ProducerIdentity? _id;
    private int _sent;

    private enum Fate
    {
        Acknowledged,
        Failed,
        Refused,
    }

    private sealed record ProducerIdentity(long Id, short Epoch);

    private sealed record Batch(TopicPart Target, long[] Values, int Sequence, byte[] Bytes, double UntilMs)
    {
        public int Attempts { get; set; }
    }

    protected override async Task RunAsync()
    {
        if (isPipelined)
        {
            await Task.WhenAll(targets.Select(PipelinesAsync));
            return;
        }
        while (!IsStopping)
        {
            if (idempotent && _id is null)
            {
                _sequences.Clear();
                _id = await InitializeAsync();
                await RestAsync(_id is null ? 100 : 0);
                continue;
            }
            await SendOneAsync(World.Pick(targets));
            await RestAsync(World.Between(1, 150 * _calm));
        }
    }

    private async Task<ProducerIdentity?> InitializeAsync()
    {
        InitProducerIdResponse? response = await TrySendAsync<InitProducerIdRequest, InitProducerIdResponse>(
            World.Random.Next(Cluster.Brokers.Count), new InitProducerIdRequest { TransactionalId = null, TransactionTimeoutMs = 60_000 }, 4);
        if (response is not { ErrorCode: ErrorCode.None })
        {
            return null;
        }
        history.ProducerIdGiven(response.ProducerId, response.ProducerEpoch, Name);
        return new ProducerIdentity(response.ProducerId, response.ProducerEpoch);
    }

    /// <summary>One batch at a time.</summary>
    private async Task SendOneAsync(TopicPart target)
    {
        Batch batch = NewBatch(target, _id, _sequences.GetValueOrDefault(target));
        bool isFirst = true;
        while (IsWorthwhile(batch))
        {
            if (!isFirst)
            {
                await RestAsync(World.Between(20, 200));
            }
            isFirst = false;
            if (await LeaderOfAsync(target.Topic, target.Partition) is not { } leader)
            {
                continue;
            }
            ProduceResponse.PartitionProduceResponse? answer = await ProduceAsync(batch, leader.Leader);
            switch (Take(batch, answer))
            {
                case Fate.Acknowledged:
                    _sequences[target] = batch.Sequence + batch.Values.Length;
                    return;
                case Fate.Refused:
                    Refused(target, leader.Leader, answer!.ErrorCode, batch.Sequence);
                    _id = null;
                    return;
            }
        }
        World.Log($"{Name}: {target} {batch.Values[0]}.. is given up");
        _id = null;   // whether it was appended is not known: the sequence ends here
    }

    /// <summary>One sequence after the other, each of a producer id of its own.</summary>
    private async Task PipelinesAsync(TopicPart target)
    {
        while (!IsStopping)
        {
            if (await InitializeAsync() is { } id)
            {
                await PipelineAsync(target, id);
            }
            await RestAsync(World.Between(20, 200));
        }
    }

    /// <summary>Up to five batches on their way to one partition; where one fails, those behind it are waited for, and all that
    /// are not acknowledged are sent again in their order.</summary>
    private async Task PipelineAsync(TopicPart target, ProducerIdentity id)
    {
        var batches = new List<Batch>();   // not acknowledged, the oldest first
        int sequence = 0;
        while (!IsStopping || batches.Count > 0)
        {
            if (batches.Count > 0 && !IsWorthwhile(batches[0]))
            {
                World.Log($"{Name}: {target} {batches[0].Values[0]}.. is given up, and {target} with it");
                return;
            }
            if (await LeaderOfAsync(target.Topic, target.Partition) is not { } leader || !await ReachAsync(leader.Leader))
            {
                await RestAsync(World.Between(20, 200));
                continue;
            }
            var underWay = new Queue<(Batch Batch, Task<ProduceResponse.PartitionProduceResponse?> Answer)>();
            batches.ForEach(b => underWay.Enqueue((b, ProduceAsync(b, leader.Leader))));
            bool hasFailed = false;
            while (underWay.Count > 0 || (!hasFailed && !IsStopping))
            {
                hasFailed |= !IsConnectedTo(leader.Leader);   // those that it carried fail, and others must not be before them
                while (!hasFailed && !IsStopping && batches.Count < InFlightMax && (underWay.Count == 0 || World.Chance(0.7)))
                {
                    Batch made = NewBatch(target, id, sequence);
                    sequence += made.Values.Length;
                    batches.Add(made);
                    underWay.Enqueue((made, ProduceAsync(made, leader.Leader)));
                }
                if (!underWay.TryDequeue(out (Batch Batch, Task<ProduceResponse.PartitionProduceResponse?> Answer) next))
                {
                    break;
                }
                (Batch batch, Task<ProduceResponse.PartitionProduceResponse?> pending) = next;
                ProduceResponse.PartitionProduceResponse? answer = await pending;
                Fate fate = Take(batch, answer);
                if (fate == Fate.Refused && !hasFailed)
                {
                    // Sent again, a batch that is older than what its leader knows of the producer is refused, as by Kafka,
                    // whether those after it are acknowledged or not.
                    if (batch.Attempts == 1 || batch.Sequence + batch.Values.Length == sequence)
                    {
                        Refused(target, leader.Leader, answer!.ErrorCode, batch.Sequence);
                    }
                    return;
                }
                hasFailed |= fate != Fate.Acknowledged;
                if (fate == Fate.Acknowledged)
                {
                    batches.Remove(batch);
                    await RestAsync(World.Between(0, 100 * _calm));
                }
            }
            await RestAsync(World.Between(20, 200));
        }
    }

    /// <summary>A leader that does not know yet that it is none any more may lack batches, and refuses those that follow.</summary>
    private void Refused(TopicPart target, int leader, ErrorCode error, int sequence)
    {
        if (Cluster.StateOf(target.Topic, target.Partition)?.Leader == leader)
        {
            history.SequenceRefused(target, Name, error, sequence);
        }
    }

    private bool IsWorthwhile(Batch batch) => World.NowMs < batch.UntilMs && !(IsStopping && World.NowMs > batch.UntilMs - (DeliveryTimeoutMs / 2));

    private Batch NewBatch(TopicPart target, ProducerIdentity? id, int sequence)
    {
        long[] values = new long[1 + World.Random.Next(5)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = history.NewValue(target, Name, idempotent);
        }
        return new Batch(target, values, sequence, Build(values, id, sequence), World.NowMs + DeliveryTimeoutMs);
    }

    /// <summary>What becomes of a batch by an answer.</summary>
    private Fate Take(Batch batch, ProduceResponse.PartitionProduceResponse? answer)
    {
        history.Answered(batch.Values, answer?.ErrorCode);
        switch (answer?.ErrorCode)
        {
            case ErrorCode.None or ErrorCode.DuplicateSequenceNumber:
                World.Log($"{Name}: {batch.Target} {batch.Values[0]}..{batch.Values[^1]} is acknowledged at {answer.BaseOffset}");
                history.Acknowledged(
                    batch.Target, batch.Values, answer.ErrorCode == ErrorCode.None ? answer.BaseOffset : -1, idempotent);
                return Fate.Acknowledged;
            case ErrorCode.OutOfOrderSequenceNumber or ErrorCode.UnknownProducerId or ErrorCode.InvalidProducerEpoch:
                World.Log($"{Name}: {batch.Target} {batch.Values[0]}.. sequence {batch.Sequence}: {answer.ErrorCode}");
                return Fate.Refused;
            default:
                Forget(batch.Target.Topic);
                return Fate.Failed;
        }
    }

    private async Task<ProduceResponse.PartitionProduceResponse?> ProduceAsync(Batch batch, int leader)
    {
        batch.Attempts++;
        history.Sending(batch.Values);
        return await ProduceAsync(batch.Target, batch.Bytes, leader, idempotent ? (short)-1 : (short)1);
    }

    private byte[] Build(long[] values, ProducerIdentity? id, int sequence)
    {
        using var builder = new RecordBatchBuilder(_codecs);
        var options = new RecordBatchOptions();
        if (id is not null)
        {
            options.ProducerId = id.Id;
            options.ProducerEpoch = id.Epoch;
            options.BaseSequence = sequence;
        }
        builder.Begin(options);
        long now = Time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (long value in values)
        {
            string text = value.ToString(CultureInfo.InvariantCulture).PadRight(8 + (_sent++ % 60), ' ');
            builder.Append(now, (byte[]?)null, Encoding.ASCII.GetBytes(text));
        }
        return builder.Finish().ToArray();
    }
}
