using System.Globalization;
using Broker.Protocol.Messages;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>Makes and deletes topics. Not thread-safe.</summary>
internal class SimAdmin(SimCluster cluster, string name, int machine) : SimClient(cluster, name, machine)
{
    protected override Task RunAsync() => Task.CompletedTask;

    public async Task<ErrorCode> CreateAsync(string topic, int partitions, int replication, params (string Name, string Value)[] configs)
    {
        var request = new CreateTopicsRequest { TimeoutMs = 5_000 };
        var one = new CreateTopicsRequest.CreatableTopic
        {
            Name = topic,
            NumPartitions = partitions,
            ReplicationFactor = (short)replication,
        };
        if (replication > 1)
        {
            one.Configs.Add(new() { Name = "min.insync.replicas", Value = Math.Min(2, replication - 1).ToString(CultureInfo.InvariantCulture) });
        }
        one.Configs.AddRange(configs.Select(c => new CreateTopicsRequest.CreatableTopicConfig { Name = c.Name, Value = c.Value }));
        request.Topics.Add(one);
        CreateTopicsResponse? response = await TrySendAsync<CreateTopicsRequest, CreateTopicsResponse>(
            World.Random.Next(Cluster.Brokers.Count), request, 7, TimeSpan.FromSeconds(8));
        return response is null ? ErrorCode.RequestTimedOut : response.Topics[0].ErrorCode;
    }

    public async Task<ErrorCode> DeleteAsync(string topic)
    {
        var request = new DeleteTopicsRequest { TimeoutMs = 5_000 };
        request.Topics.Add(new() { Name = topic });
        DeleteTopicsResponse? response = await TrySendAsync<DeleteTopicsRequest, DeleteTopicsResponse>(
            World.Random.Next(Cluster.Brokers.Count), request, 6, TimeSpan.FromSeconds(8));
        return response is null ? ErrorCode.RequestTimedOut : response.Responses[0].ErrorCode;
    }
}
