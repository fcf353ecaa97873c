using Broker.Protocol.Messages;

namespace Broker.Engine.Controller;

/// <summary>
/// What one event of the controller has to tell the brokers: at most one request of each kind for each of them, with the states
/// as they are when it is sent. After Kafka's ControllerBrokerRequestBatch. Belongs to the controller's loop.
/// </summary>
internal sealed class ControllerBatch
{
    /// <summary>LeaderAndIsr's type that names all partitions the broker should hold (Kafka: LeaderAndIsrRequest.Type.FULL).</summary>
    private const sbyte FullRequest = 1;

    private readonly Dictionary<int, Dictionary<ControlledPartition, bool>> _roles = [];
    private readonly Dictionary<int, HashSet<ControlledPartition>> _stops = [];
    private readonly Dictionary<int, HashSet<ControlledPartition>> _deletes = [];
    private readonly Dictionary<int, bool> _welcome = [];
    private readonly HashSet<ControlledPartition> _metadata = [];
    private bool _isMetadataDue;

    /// <summary>A broker that has just come hears of its roles even where there are none.</summary>
    /// <param name="broker">Who has come.</param>
    /// <param name="isAll">Whether these are all there are: then it drops what it is not told of.</param>
    public void Welcome(int broker, bool isAll) => _welcome.Add(broker, isAll);

    /// <summary>Tells brokers their part in a partition.</summary>
    public void Roles(ControlledPartition partition, IEnumerable<int> brokers, bool isNew = false)
    {
        foreach (int broker in brokers)
        {
            Dictionary<ControlledPartition, bool> roles = Of(_roles, broker);
            roles[partition] = isNew || roles.GetValueOrDefault(partition);
        }
    }

    /// <summary>Tells all brokers how a partition stands.</summary>
    public void Metadata(ControlledPartition partition)
    {
        _metadata.Add(partition);
        _isMetadataDue = true;
    }

    /// <summary>Tells all brokers who lives, even where no partition has changed.</summary>
    public void Brokers() => _isMetadataDue = true;

    /// <summary>Has a broker let go of a partition, with or without its log.</summary>
    public void Stop(ControlledPartition partition, int broker, bool delete) => Of(delete ? _deletes : _stops, broker).Add(partition);

    private static T Of<T>(Dictionary<int, T> all, int broker)
        where T : new()
    {
        if (!all.TryGetValue(broker, out T? found))
        {
            found = new T();
            all.Add(broker, found);
        }
        return found;
    }

    /// <summary>Queues the requests on the lines to the brokers, the roles before what clients are told.</summary>
    public void Send(ControllerSender sender)
    {
        List<UpdateMetadataRequest.UpdateMetadataTopicState>? metadata = _isMetadataDue ? sender.DescribeTopics(_metadata) : null;
        foreach (BrokerChannel channel in sender.Channels)
        {
            int broker = channel.Broker.Id;
            Dictionary<ControlledPartition, bool>? roles = _roles.GetValueOrDefault(broker);
            if (roles is not null || _welcome.ContainsKey(broker))
            {
                sender.SendRoles(channel, roles ?? [], _welcome.GetValueOrDefault(broker) ? FullRequest : (sbyte)0);
            }
            if (metadata is not null)
            {
                sender.SendMetadata(channel, metadata);
            }
            HashSet<ControlledPartition>? deletes = _deletes.GetValueOrDefault(broker);
            HashSet<ControlledPartition>? stops = _stops.GetValueOrDefault(broker);
            if (deletes is not null || stops is not null)
            {
                sender.SendStops(channel, deletes ?? [], stops ?? []);
            }
        }
    }
}
