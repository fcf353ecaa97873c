using System.Globalization;
using System.Text;
using Broker.Engine;
using Broker.Engine.Coordination;
using Broker.Engine.Replication;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Simulation.Checks;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>Makes topics, writes a little to them, and deletes them, over and over under the same names. What was deleted must
/// not come back. Not thread-safe.</summary>
internal sealed class SimChurn(SimCluster cluster, string name, int machine, int replication)
    : SimAdmin(cluster, name, machine)
{
    private static readonly string[] s_names = ["churn-a", "churn-b"];
    private readonly RecordCodecs _codecs = new();

    /// <summary>Deletions that were answered, by name.</summary>
    private readonly Dictionary<string, int> _eras = s_names.ToDictionary(n => n, _ => 0);

    protected override async Task RunAsync()
    {
        while (!IsStopping)
        {
            string topic = World.Pick(s_names);
            switch (World.Random.Next(4))
            {
                case 0:
                    ErrorCode created = await CreateAsync(topic, 1 + World.Random.Next(2), replication);
                    World.Log($"{Name}: create {topic}: {created}");
                    break;
                case 1:
                    ErrorCode deleted = await DeleteAsync(topic);
                    World.Log($"{Name}: delete {topic}: {deleted}");
                    if (deleted == ErrorCode.None)
                    {
                        _eras[topic]++;
                    }
                    break;
                default:
                    await ProduceAsync(topic);
                    break;
            }
            await RestAsync(World.Between(10, 2000));
        }
    }

    private async Task ProduceAsync(string topic)
    {
        Forget(topic);
        if (await LeaderOfAsync(topic, 0) is not { } leader)
        {
            return;
        }
        using var builder = new RecordBatchBuilder(_codecs);
        builder.Begin(new RecordBatchOptions());
        builder.Append(Time.GetUtcNow().ToUnixTimeMilliseconds(), (byte[]?)null, Encoding.ASCII.GetBytes(_eras[topic].ToString(CultureInfo.InvariantCulture)));
        var request = new ProduceRequest { Acks = -1, TimeoutMs = 2_000 };
        var data = new ProduceRequest.TopicProduceData { Name = Encoding.UTF8.GetBytes(topic) };
        data.PartitionData.Add(new() { Index = 0, Records = new Broker.Protocol.Wire.Records(builder.Finish().ToArray()) });
        request.TopicData.Add(data);
        _ = await TrySendAsync<ProduceRequest, ProduceResponse>(leader.Leader, request, 9);
    }

    /// <summary>At rest: brokers hold what the tree says, and nothing of what was deleted.</summary>
    /// <returns>What is otherwise, or null.</returns>
    public string? Unrest()
    {
        if (!Running.IsCompleted)
        {
            return $"{Name} still waits";
        }
        foreach (SimBroker broker in Cluster.Brokers)
        {
            foreach (Partition partition in broker.Server!.Replicas.Partitions.Partitions)
            {
                string topic = partition.Topic.Name;
                GetResult node = Cluster.Eye.GetAsync(ClusterPaths.Topic(topic), CancellationToken.None).Result;
                if (node.Error != CoordinationError.None)
                {
                    return $"14: broker {broker.Id} holds {topic}, which is deleted";
                }
                TopicAssignment assignment = ClusterJson.ReadTopic(node.Data);
                if (assignment.Id != partition.Topic.Id || assignment.Id != partition.Log.TopicId
                    || !assignment.Partitions[partition.Index].Contains(broker.Id))
                {
                    return
                        $"14: broker {broker.Id} holds {topic}-{partition.Index} of topic {partition.Topic.Id} " +
                        $"(log {partition.Log.TopicId}), the tree has {assignment.Id}";
                }
                // A topic whose deletion is under way is still in the tree, and may be in a log.
                if (_eras.TryGetValue(topic, out int era) && partition.Index == 0 && Older(broker, partition, era) is { } older)
                {
                    return older;
                }
            }
            foreach (TopicPartition log in broker.Server.Logs.Logs.Select(l => l.Partition)
                .Where(l => broker.Server.Replicas.Partitions.Find(l) is null))
            {
                return $"14: broker {broker.Id} has a log of {log}, which it does not hold";
            }
        }
        foreach (string topic in s_names)
        {
            bool exists = Cluster.Eye.ExistsAsync(ClusterPaths.Topic(topic), CancellationToken.None).Result.Error == CoordinationError.None;
            foreach (SimBroker broker in Cluster.Brokers)
            {
                if (broker.Server!.Metadata.Current.Topic(topic) is not null != exists)
                {
                    return $"14: broker {broker.Id} shows {topic}: {!exists}; in the tree it is: {exists}";
                }
            }
        }
        return null;
    }

    private string? Older(SimBroker broker, Partition partition, int era)
    {
        if (partition.Log.Copy(partition.Log.LogStartOffset, 1 << 20, partition.Log.LogEndOffset) is not { } bytes)
        {
            return null;
        }
        var batches = new BatchCursor(bytes);
        while (batches.MoveNext())
        {
            using var records = new RecordCursor(batches.Batch, _codecs);
            while (records.MoveNext())
            {
                int of = int.Parse(Encoding.ASCII.GetString(records.Current.Value.Span), CultureInfo.InvariantCulture);
                if (of < era)
                {
                    return $"1: broker {broker.Id} has a record of {partition.Topic.Name} that was deleted {era - of} times since";
                }
            }
        }
        return null;
    }
}
