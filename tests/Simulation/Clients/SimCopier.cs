using System.Globalization;
using System.Text;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Simulation.Checks;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>A member of a group that copies what it reads to one partition, and commits by itself: with each poll what the poll before
/// gave, once the copy of it is acknowledged. Without transactions a record may be copied twice, but never left out.
/// Not thread-safe.</summary>
internal sealed class SimCopier(
    SimCluster cluster, History history, GroupHistory group, string name, int machine, IReadOnlyList<TopicPart> parts, TopicPart target)
    : SimMember(cluster, group, name, machine, parts, "copy")
{
    private readonly RecordCodecs _codecs = new();

    protected override async Task WorkAsync(int generation, List<TopicPart> owned)
    {
        Dictionary<TopicPart, long> before = owned.ToDictionary(p => p, p => Group.AcknowledgedOf(p).Offset);
        Dictionary<TopicPart, long>? told = owned.Count > 0 ? await FetchAsync(owned) : [];
        if (told is null)
        {
            return;
        }
        Dictionary<TopicPart, long> positions = new(told);
        Dictionary<TopicPart, long> committed = new(told);
        while (!IsStopping)
        {
            await RestAsync(World.Between(5, 300));
            if (!await BeatAsync(generation))
            {
                return;
            }
            if (owned.Count == 0)
            {
                continue;
            }
            TopicPart part = World.Pick(owned);
            if (positions[part] > committed[part])
            {
                int newest = Group.AcknowledgedOf(part).Generation;
                Group.Committing(part, positions[part]);
                if (!await CommitAsync(generation, part, positions[part]))
                {
                    return;
                }
                if (told.Remove(part, out long offset))
                {
                    Group.Fetched(Name, part, offset, before[part]);
                }
                Group.Committed(Name, generation, part, positions[part], newest);
                committed[part] = positions[part];
            }
            if (await PollAsync(part, positions[part]) is { Count: > 0 } records)
            {
                if (!await CopyAsync(records))
                {
                    return;
                }
                positions[part] = records[^1].Offset + 1;
            }
        }
    }

    private async Task<List<(long Offset, long Value)>?> PollAsync(TopicPart part, long position)
    {
        if (await LeaderOfAsync(part.Topic, part.Partition) is not { } leader)
        {
            return null;
        }
        FetchResponse.PartitionData? data = await FetchAsync(part, leader, position);
        if (data is not { ErrorCode: ErrorCode.None })
        {
            Forget(part.Topic);
            return null;
        }
        var found = new List<(long, long)>();
        long next = position;
        var batches = new BatchCursor(data.Records.Memory.Span);
        while (batches.MoveNext())
        {
            using var records = new RecordCursor(batches.Batch, _codecs);
            while (records.MoveNext())
            {
                if (records.Current.Offset >= position)
                {
                    long value = long.Parse(Encoding.ASCII.GetString(records.Current.Value.Span).TrimEnd(), CultureInfo.InvariantCulture);
                    history.Read(part, Name, next, records.Current.Offset, value);
                    next = records.Current.Offset + 1;
                    found.Add((records.Current.Offset, value));
                }
            }
        }
        return found;
    }

    /// <summary>False where it is not known whether the copy is there: then nothing of it is committed.</summary>
    private async Task<bool> CopyAsync(List<(long Offset, long Value)> records)
    {
        using var builder = new RecordBatchBuilder(_codecs);
        builder.Begin(new RecordBatchOptions());
        foreach ((_, long value) in records)
        {
            builder.Append(
                Time.GetUtcNow().ToUnixTimeMilliseconds(), (byte[]?)null, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));
        }
        byte[] batch = builder.Finish().ToArray();
        for (int attempts = 0; attempts < 5; attempts++)
        {
            if (await LeaderOfAsync(target.Topic, target.Partition) is { } leader
                && await ProduceAsync(target, batch, leader.Leader, acks: -1) is { ErrorCode: ErrorCode.None })
            {
                return true;
            }
            Forget(target.Topic);
            await RestAsync(World.Between(20, 200));
        }
        return false;
    }
}
