using System.Text;
using Broker.Client;
using Broker.Protocol.Messages;
using Simulation.Checks;
using Simulation.World;

namespace Simulation.Clients;

/// <summary>What every client does: finds leaders, keeps a connection to each broker, and gives up requests that take too long.
/// Not thread-safe.</summary>
internal abstract class SimClient
{
    private readonly Dictionary<int, KafkaConnection> _connections = [];
    private readonly Dictionary<string, MetadataResponse.MetadataResponseTopic> _topics = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, Guid, int), int> _newestEpochs = [];
    private readonly SimDialer _dialer;
    private readonly string _name;

    protected SimClient(SimCluster cluster, string name, int machine)
    {
        _name = name;
        Cluster = cluster;
        World = cluster.World;
        Process = new SimProcess(World, name, machine);
        _dialer = new SimDialer(World, cluster.Network, Process, cluster.ProcessAt);
    }

    public SimProcess Process { get; }

    public string Name => _name;

    protected SimCluster Cluster { get; }

    protected SimWorld World { get; }

    protected TimeProvider Time => _dialer.Time;

    protected TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>Whether the client goes on.</summary>
    public bool IsStopping { get; private set; }

    public void Stop() => IsStopping = true;

    public Task Running { get; private set; } = Task.CompletedTask;

    public void Start() => Running = GuardAsync();

    private async Task GuardAsync()
    {
        try
        {
            await RunAsync();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Cluster.OnError($"{_name} failed: {e}", e);
        }
    }

    protected abstract Task RunAsync();

    protected Task RestAsync(double ms) => Task.Delay(TimeSpan.FromMilliseconds(ms), Time);

    /// <summary>Sends to a broker; null when it cannot be reached or does not answer in time.</summary>
    protected async Task<TResponse?> TrySendAsync<TRequest, TResponse>(int broker, TRequest request, short version, TimeSpan? timeout = null)
        where TRequest : IApiMessage
        where TResponse : class, IApiMessage, new()
    {
        using var late = new CancellationTokenSource(timeout ?? RequestTimeout, Time);
        KafkaConnection? used = null;
        try
        {
            used = await ConnectionToAsync(broker, late.Token);
            return used is null ? null : await used.SendAsync<TRequest, TResponse>(request, version, late.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            Drop(broker, used);
            return null;
        }
    }

    /// <summary>Opens the connection to a broker, if there is none; false where it cannot be reached.</summary>
    protected async Task<bool> ReachAsync(int broker)
    {
        using var late = new CancellationTokenSource(RequestTimeout, Time);
        try
        {
            return await ConnectionToAsync(broker, late.Token) is not null;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return false;
        }
    }

    protected bool IsConnectedTo(int broker) => _connections.ContainsKey(broker);

    private async ValueTask<KafkaConnection?> ConnectionToAsync(int broker, CancellationToken cancellationToken)
    {
        if (_connections.TryGetValue(broker, out KafkaConnection? connection))
        {
            return connection;
        }
        if (!_dialer.Reaches(SimCluster.FirstPort + broker))
        {
            await _dialer.RefusalAsync(CancellationToken.None);   // told apart, since an exception costs much
            return null;
        }
        connection = await KafkaConnection.ConnectAsync(
            _dialer, "127.0.0.1", SimCluster.FirstPort + broker, _name, TimeSpan.FromSeconds(2), cancellationToken);
        if (!_connections.TryAdd(broker, connection))
        {
            _ = connection.DisposeAsync().AsTask();   // another request was faster
        }
        return _connections[broker];
    }

    /// <summary>Gives up a connection that failed, unless another has taken its place.</summary>
    private void Drop(int broker, KafkaConnection? failed)
    {
        if (failed is not null && _connections.TryGetValue(broker, out KafkaConnection? connection) && connection == failed)
        {
            _connections.Remove(broker);
            _ = connection.DisposeAsync().AsTask();
        }
    }

    /// <summary>Forgets who leads, so that it is asked for anew.</summary>
    protected void Forget(string topic) => _topics.Remove(topic);

    protected Guid IdOf(string topic) => _topics.TryGetValue(topic, out MetadataResponse.MetadataResponseTopic? known) ? known.TopicId : default;

    /// <summary>Leader and leader epoch of a partition, or null while nobody says.</summary>
    protected async Task<(int Leader, int Epoch)?> LeaderOfAsync(string topic, int partition)
    {
        if (!_topics.TryGetValue(topic, out MetadataResponse.MetadataResponseTopic? known))
        {
            var request = new MetadataRequest { AllowAutoTopicCreation = false, Topics = [] };
            request.Topics!.Add(new() { Name = topic });
            MetadataResponse? response = await TrySendAsync<MetadataRequest, MetadataResponse>(
                World.Random.Next(Cluster.Brokers.Count), request, 12);
            known = response?.Topics.FirstOrDefault(t => t.Name == topic && t.ErrorCode == ErrorCode.None);
            if (known is null)
            {
                return null;
            }
            _topics[topic] = known;
        }
        MetadataResponse.MetadataResponsePartition? one = known.Partitions.FirstOrDefault(p => p.PartitionIndex == partition);
        if (one is null || one.LeaderId < 0)
        {
            _topics.Remove(topic);
            return null;
        }
        int newest = _newestEpochs.GetValueOrDefault((topic, known.TopicId, partition));
        if (one.LeaderEpoch < newest)
        {
            _topics.Remove(topic);   // told by a broker that is behind (KIP-320)
            return null;
        }
        _newestEpochs[(topic, known.TopicId, partition)] = one.LeaderEpoch;
        return (one.LeaderId, one.LeaderEpoch);
    }

    /// <summary>Sends one batch; null where no answer comes.</summary>
    protected async Task<ProduceResponse.PartitionProduceResponse?> ProduceAsync(TopicPart target, byte[] batch, int leader, short acks)
    {
        var request = new ProduceRequest { Acks = acks, TimeoutMs = 2_000 };
        var data = new ProduceRequest.TopicProduceData { Name = Encoding.UTF8.GetBytes(target.Topic) };
        data.PartitionData.Add(new() { Index = target.Partition, Records = new Broker.Protocol.Wire.Records(batch) });
        request.TopicData.Add(data);
        ProduceResponse? response = await TrySendAsync<ProduceRequest, ProduceResponse>(leader, request, 9);
        return response?.Responses[0].PartitionResponses[0];
    }

    /// <summary>Asks for records of one partition, for some of the bytes that it may ask for; null where no answer comes.</summary>
    protected async Task<FetchResponse.PartitionData?> FetchAsync(
        TopicPart source, (int Leader, int Epoch) leader, long offset, int bytesMax = 1 << 12)
    {
        var request = new FetchRequest { MaxWaitMs = 100, MinBytes = 1, MaxBytes = 1 << 16, SessionEpoch = -1 };
        var topic = new FetchRequest.FetchTopic { Topic = Encoding.UTF8.GetBytes(source.Topic) };
        topic.Partitions.Add(new()
        {
            Partition = source.Partition,
            FetchOffset = offset,
            CurrentLeaderEpoch = leader.Epoch,
            PartitionMaxBytes = 1 + World.Random.Next(bytesMax),
        });
        request.Topics.Add(topic);
        FetchResponse? response = await TrySendAsync<FetchRequest, FetchResponse>(leader.Leader, request, 12);
        return response is { ErrorCode: ErrorCode.None } && response.Responses.Count > 0 ? response.Responses[0].Partitions[0] : null;
    }
}
