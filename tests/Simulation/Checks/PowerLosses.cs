using Broker.Engine.Coordination;
using Broker.Engine.Replication;
using Simulation.World;

namespace Simulation.Checks;

/// <summary>
/// Which replicas lost what they had not synced, and whether a loss of committed records is theirs. A record is promised to
/// outlive crashes of processes, however many; of power failures it outlives those that leave one in-sync replica which had no
/// fault at all. So a replica that lost its power may lead without what it lost, but only where no such witness is left.
/// Not thread-safe.
/// </summary>
internal sealed class PowerLosses(SimCluster cluster)
{
    private readonly Dictionary<(TopicPart Part, int Broker), List<Witness>> _torn = [];

    /// <summary>A replica that was in sync when another lost its power, in that life and that session.</summary>
    private readonly record struct Witness(SimProcess Process, long Registration);

    /// <summary>A machine loses its power now.</summary>
    public void Happened(int id)
    {
        foreach (TopicPart part in cluster.Partitions().ToArray())
        {
            if (cluster.ReplicasOf(part).Contains(id))
            {
                // One that had not mended was torn by the first loss: whoever had a fault since is no witness of it.
                _torn.TryAdd((part, id), WitnessesOf(part, id));
            }
        }
    }

    private List<Witness> WitnessesOf(TopicPart part, int id)
    {
        var found = new List<Witness>();
        foreach (int other in cluster.StateOf(part.Topic, part.Partition)?.InSyncReplicas ?? [])
        {
            if (other != id && !_torn.ContainsKey((part, other)) && cluster.Brokers[other].Process is { IsDead: false } process)
            {
                found.Add(new Witness(process, cluster.RegistrationOf(other)));
            }
        }
        return found;
    }

    /// <summary>A replica that has all that was committed again is as any other.</summary>
    public void MaybeMended(SimBroker broker, Partition partition, TopicPart part, Committed committed)
    {
        if (_torn.Count > 0 && _torn.ContainsKey((part, broker.Id)) && partition.Log.LogEndOffset >= committed.End
            && committed.Difference(partition, 0, committed.End) is null)
        {
            _torn.Remove((part, broker.Id));
        }
    }

    /// <summary>Whether a broker that begins to lead may lack committed records.</summary>
    public bool Excuse(SimBroker broker, TopicPart part, PartitionRole role) =>
        _torn.TryGetValue((part, broker.Id), out List<Witness>? witnesses) && !witnesses.Exists(w => IsFaultless(w, role));

    /// <summary>Whether a witness is there as it was, and could have led.</summary>
    private bool IsFaultless(Witness witness, PartitionRole role)
    {
        SimBroker other = witness.Process.Broker!;
        return other.Process == witness.Process && other.IsStarted && witness.Registration >= 0
            && cluster.RegistrationOf(other.Id) == witness.Registration && role.InSyncReplicas.Contains(other.Id);
    }
}
