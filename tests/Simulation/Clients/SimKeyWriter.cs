using System.Globalization;
using System.Text;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Simulation.Checks;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>Writes values and tombstones under few keys to a compacted partition, one batch after the other, each until it is
/// acknowledged. Not thread-safe.</summary>
internal sealed class SimKeyWriter(SimCluster cluster, KeyHistory history, string name, int machine) : SimClient(cluster, name, machine)
{
    private const int Keys = 12;
    private readonly RecordCodecs _codecs = new();
    private InitProducerIdResponse? _id;
    private int _sequence;

    protected override async Task RunAsync()
    {
        while (!IsStopping)
        {
            if (_id is null)
            {
                _sequence = 0;
                InitProducerIdResponse? given = await TrySendAsync<InitProducerIdRequest, InitProducerIdResponse>(
                    World.Random.Next(Cluster.Brokers.Count), new InitProducerIdRequest { TransactionalId = null, TransactionTimeoutMs = 60_000 }, 4);
                _id = given is { ErrorCode: ErrorCode.None } ? given : null;
                await RestAsync(_id is null ? 100 : 0);
                continue;
            }
            await WriteAsync(_id);
            await RestAsync(World.Between(1, 120));
        }
    }

    private async Task WriteAsync(InitProducerIdResponse id)
    {
        var numbers = new List<long>();
        byte[] bytes = Build(id, numbers);
        double untilMs = World.NowMs + 100_000;
        while (World.NowMs < untilMs)
        {
            if (await LeaderOfAsync(history.Part.Topic, history.Part.Partition) is { } leader)
            {
                ProduceResponse.PartitionProduceResponse? answer = await ProduceAsync(history.Part, bytes, leader.Leader, acks: -1);
                if (answer is { ErrorCode: ErrorCode.None, BaseOffset: >= 0 })
                {
                    numbers.ForEach(n => history.Acknowledged(n, answer.BaseOffset + n - numbers[0]));
                    _sequence += numbers.Count;
                    return;
                }
                if (answer is { ErrorCode: ErrorCode.OutOfOrderSequenceNumber or ErrorCode.UnknownProducerId or ErrorCode.DuplicateSequenceNumber })
                {
                    break;
                }
                Forget(history.Part.Topic);
            }
            await RestAsync(World.Between(20, 200));
        }
        _id = null;   // whether it was appended is not known: the sequence ends here
    }

    private byte[] Build(InitProducerIdResponse id, List<long> numbers)
    {
        using var builder = new RecordBatchBuilder(_codecs);
        builder.Begin(new RecordBatchOptions { ProducerId = id.ProducerId, ProducerEpoch = id.ProducerEpoch, BaseSequence = _sequence });
        for (int i = World.Random.Next(4); i >= 0; i--)
        {
            int key = World.Random.Next(Keys);
            bool isTombstone = World.Chance(0.25);
            long number = history.Writing(key, isTombstone);
            numbers.Add(number);
            builder.Append(
                Time.GetUtcNow().ToUnixTimeMilliseconds(), Encoding.ASCII.GetBytes(key.ToString(CultureInfo.InvariantCulture)),
                isTombstone ? null : Encoding.ASCII.GetBytes(number.ToString("D40", CultureInfo.InvariantCulture)));
        }
        return builder.Finish().ToArray();
    }
}
