using Broker.Protocol.Messages;
using Simulation.Checks;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>Moves partitions to other brokers, now and then, whatever else goes on. Not thread-safe.</summary>
internal sealed class SimReassigner(SimCluster cluster, string name, int machine, IReadOnlyList<TopicPart> parts, int replication)
    : SimClient(cluster, name, machine)
{
    protected override async Task RunAsync()
    {
        while (!IsStopping)
        {
            await RestAsync(World.Between(500, 8000));
            TopicPart part = World.Pick(parts);
            int[] replicas = [.. Enumerable.Range(0, Cluster.Brokers.Count)];
            World.Random.Shuffle(replicas);
            var request = new AlterPartitionReassignmentsRequest { TimeoutMs = 5_000 };
            var topic = new AlterPartitionReassignmentsRequest.ReassignableTopic { Name = part.Topic };
            topic.Partitions.Add(new() { PartitionIndex = part.Partition, Replicas = [.. replicas.Take(replication)] });
            request.Topics.Add(topic);
            AlterPartitionReassignmentsResponse? response =
                await TrySendAsync<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>(
                    World.Random.Next(Cluster.Brokers.Count), request, 0, TimeSpan.FromSeconds(8));
            string answer = response is null ? "no answer"
                : response.Responses.Count > 0 ? $"{response.Responses[0].Partitions[0].ErrorCode}" : $"{response.ErrorCode}";
            World.Log($"{Name}: {part} to {string.Join(',', replicas.Take(replication))}: {answer}");
        }
    }
}
