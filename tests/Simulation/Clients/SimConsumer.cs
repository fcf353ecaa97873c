using System.Globalization;
using System.Text;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Simulation.Checks;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>Reads partitions from their beginning, by itself. Not thread-safe.</summary>
internal sealed class SimConsumer(SimCluster cluster, History history, string name, int machine, IReadOnlyList<TopicPart> sources)
    : SimClient(cluster, name, machine)
{
    private static readonly double[] s_calms = [1, 3, 3, 6];

    private readonly RecordCodecs _codecs = new();

    /// <summary>How much longer than the busiest it rests.</summary>
    private readonly double _calm = cluster.World.Pick(s_calms);
    private readonly Dictionary<TopicPart, long> _positions = [];

    public long PositionOf(TopicPart source) => _positions.GetValueOrDefault(source);

    /// <summary>The high watermark that an answer last told.</summary>
    public Dictionary<TopicPart, long> HighWatermarks { get; } = [];

    protected override async Task RunAsync()
    {
        while (!IsStopping)
        {
            TopicPart source = World.Pick(sources);
            if (await LeaderOfAsync(source.Topic, source.Partition) is not { } leader)
            {
                await RestAsync(World.Between(50, 300));
                continue;
            }
            // In the end it catches up as fast as the brokers let it.
            bool catchesUp = history.HealthySinceMs >= 0;
            FetchResponse.PartitionData? data = await FetchAsync(source, leader, PositionOf(source), catchesUp ? 1 << 16 : 1 << 12);
            if (data is null || data.ErrorCode != ErrorCode.None)
            {
                if (data is { ErrorCode: ErrorCode.OffsetOutOfRange })
                {
                    history.OutOfRange(source, Name, PositionOf(source), leader.Epoch);
                }
                Forget(source.Topic);
                await RestAsync(World.Between(20, 200));
                continue;
            }
            Read(source, leader.Epoch, data);
            await RestAsync(World.Between(1, catchesUp ? 10 : 60 * _calm));
        }
    }

    private void Read(TopicPart source, int epoch, FetchResponse.PartitionData data)
    {
        history.SawHighWatermark(source, Name, epoch, data.HighWatermark, data.LastStableOffset);
        HighWatermarks[source] = data.HighWatermark;
        var batches = new BatchCursor(data.Records.Memory.Span);
        while (batches.MoveNext())
        {
            RecordBatchView batch = batches.Batch;
            if (!batch.IsCrcValid())
            {
                history.Fail($"{Name} read a batch of {source} at {batch.BaseOffset} whose checksum is wrong");
            }
            using var records = new RecordCursor(batch, _codecs);
            while (records.MoveNext())
            {
                long offset = records.Current.Offset;
                if (offset < PositionOf(source))
                {
                    continue;
                }
                if (offset >= data.HighWatermark)
                {
                    history.Fail($"{Name} read {source} at {offset}, beyond the high watermark {data.HighWatermark}");
                }
                long value = long.Parse(Encoding.ASCII.GetString(records.Current.Value.Span).TrimEnd(), CultureInfo.InvariantCulture);
                history.Read(source, Name, PositionOf(source), offset, value);
                _positions[source] = offset + 1;
            }
        }
    }
}
