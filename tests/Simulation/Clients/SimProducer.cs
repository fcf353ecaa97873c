using System.Globalization;
using System.Text;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Simulation.Checks;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>
/// A producer as librdkafka and the Java client are one: with acks=all and idempotence, or with acks=1 and neither. It sends a
/// batch again until it is acknowledged, or two minutes have passed. Not thread-safe.
/// </summary>
internal sealed class SimProducer(
    SimCluster cluster, History history, string name, int machine, IReadOnlyList<TopicPart> targets, bool idempotent)
    : SimClient(cluster, name, machine)
{
    private const int DeliveryTimeoutMs = 120_000;

    private readonly RecordCodecs _codecs = new();
    private readonly Dictionary<TopicPart, int> _sequences = [];
    private long _producerId = -1;
    private short _producerEpoch;
    private int _sent;

    protected override async Task RunAsync()
    {
        while (!IsStopping)
        {
            if (idempotent && _producerId < 0 && !await InitializeAsync())
            {
                await RestAsync(100);
                continue;
            }
            await SendOneAsync(World.Pick(targets));
            await RestAsync(World.Between(1, 150));
        }
    }

    private async Task<bool> InitializeAsync()
    {
        InitProducerIdResponse? response = await TrySendAsync<InitProducerIdRequest, InitProducerIdResponse>(
            World.Random.Next(Cluster.Brokers.Count), new InitProducerIdRequest { TransactionalId = null, TransactionTimeoutMs = 60_000 }, 4);
        if (response is not { ErrorCode: ErrorCode.None })
        {
            return false;
        }
        history.ProducerIdGiven(response.ProducerId, response.ProducerEpoch, Name);
        _producerId = response.ProducerId;
        _producerEpoch = response.ProducerEpoch;
        _sequences.Clear();
        return true;
    }

    private async Task SendOneAsync(TopicPart target)
    {
        int count = 1 + World.Random.Next(5);
        long[] values = new long[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = history.NewValue(target, Name, idempotent);
        }
        int sequence = _sequences.GetValueOrDefault(target);
        byte[] batch = Build(values, sequence);
        double until = World.NowMs + DeliveryTimeoutMs;
        bool isFirst = true;
        while (World.NowMs < until && !(IsStopping && World.NowMs > until - DeliveryTimeoutMs + 60_000))
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
            ProduceResponse.PartitionProduceResponse? answer = await ProduceAsync(target, batch, leader.Leader);
            if (answer is null)
            {
                Forget(target.Topic);
                continue;
            }
            switch (answer.ErrorCode)
            {
                case ErrorCode.None:
                case ErrorCode.DuplicateSequenceNumber:
                    _sequences[target] = sequence + count;
                    World.Log($"{Name}: {target} {values[0]}..{values[^1]} is acknowledged at {answer.BaseOffset}");
                    history.Acknowledged(target, values, answer.ErrorCode == ErrorCode.None ? answer.BaseOffset : -1, idempotent);
                    return;
                case ErrorCode.OutOfOrderSequenceNumber:
                case ErrorCode.UnknownProducerId:
                case ErrorCode.InvalidProducerEpoch:
                    World.Log($"{Name}: {target} {values[0]}.. sequence {sequence}: {answer.ErrorCode}");
                    history.SequenceRefused(target, Name, answer.ErrorCode, sequence);
                    _producerId = -1;
                    return;
                default:
                    Forget(target.Topic);
                    break;
            }
        }
        World.Log($"{Name}: {target} {values[0]}.. is given up");
        _producerId = -1;   // whether it was appended is not known: the sequence ends here
    }

    private async Task<ProduceResponse.PartitionProduceResponse?> ProduceAsync(TopicPart target, byte[] batch, int leader)
    {
        var request = new ProduceRequest { Acks = idempotent ? (short)-1 : (short)1, TimeoutMs = 2_000 };
        var data = new ProduceRequest.TopicProduceData { Name = Encoding.UTF8.GetBytes(target.Topic) };
        data.PartitionData.Add(new() { Index = target.Partition, Records = new Broker.Protocol.Wire.Records(batch) });
        request.TopicData.Add(data);
        ProduceResponse? response = await TrySendAsync<ProduceRequest, ProduceResponse>(leader, request, 9);
        return response?.Responses[0].PartitionResponses[0];
    }

    private byte[] Build(long[] values, int sequence)
    {
        using var builder = new RecordBatchBuilder(_codecs);
        var options = new RecordBatchOptions();
        if (idempotent)
        {
            options.ProducerId = _producerId;
            options.ProducerEpoch = _producerEpoch;
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
