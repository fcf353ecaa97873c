using Broker.Client;
using Broker.Engine.Tests.Storage;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Wire;

/// <summary>Whole brokers in this process, on free ports and a directory of their own.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly List<IAsyncDisposable> _clients = [];
    private readonly HostedCluster _cluster;
    private int _topics;

    private TestCluster(int brokers, bool portable, IEnumerable<string> overrides, ILoggerFactory loggers, TimeProvider time)
    {
        string[] settings =
        [
            "listeners=PLAINTEXT://127.0.0.1:0", "num.network.threads=2", "group.initial.rebalance.delay.ms=0",
            "offsets.topic.num.partitions=4", .. overrides,
        ];
        _cluster = HostedCluster.Configure(
            new ClusterSettings
            {
                Brokers = brokers,
                DataDirectory = _directory.At("data"),
                PortableTransport = portable,
                Layers = [("test", settings.Select(s => s.Split('=', 2)).Select(s => KeyValuePair.Create(s[0], s[1])))],
            },
            time, loggers);
    }

    public static async Task<TestCluster> StartAsync(
        int brokers = 1, bool portable = false, string[]? overrides = null, ILoggerFactory? loggers = null, TimeProvider? time = null)
    {
        var cluster = new TestCluster(
            brokers, portable, overrides ?? [], loggers ?? NullLoggerFactory.Instance, time ?? TimeProvider.System);
        await cluster._cluster.StartAsync(TestContext.Current.CancellationToken);
        return cluster;
    }

    public HostedCluster Hosted => _cluster;

    public IReadOnlyList<HostedBroker> Brokers => _cluster.Brokers;

    public string DataDirectory => _directory.At("data");

    public BrokerServer Server(int broker = 0) => _cluster.Brokers[broker].Server!;

    public int Port(int broker = 0) => Server(broker).Endpoints[0].Port;

    public async Task<KafkaConnection> ConnectAsync(int broker = 0)
    {
        KafkaConnection client = await KafkaConnection.ConnectAsync(
            "127.0.0.1", Port(broker), "test", TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        lock (_clients)
        {
            _clients.Add(client);
        }
        return client;
    }

    public RawClient ConnectRaw(int broker = 0)
    {
        var client = new RawClient(Port(broker));
        lock (_clients)
        {
            _clients.Add(client);
        }
        return client;
    }

    /// <summary>Makes a topic of a name of its own.</summary>
    public Task<TestTopic> NewTopicAsync(int partitions = 1, params (string Key, string Value)[] configs) =>
        NewReplicatedTopicAsync(partitions, replicas: 1, configs);

    /// <summary>Makes a topic of a name of its own with several replicas.</summary>
    public async Task<TestTopic> NewReplicatedTopicAsync(int partitions, short replicas, params (string Key, string Value)[] configs)
    {
        string name = $"t{Interlocked.Increment(ref _topics)}";
        var topic = new CreateTopicsRequest.CreatableTopic { Name = name, NumPartitions = partitions, ReplicationFactor = replicas };
        foreach ((string key, string value) in configs)
        {
            topic.Configs.Add(new() { Name = key, Value = value });
        }
        var request = new CreateTopicsRequest { TimeoutMs = 20_000 };
        request.Topics.Add(topic);
        KafkaConnection client = await ConnectAsync();
        CreateTopicsResponse made = await client.CallAsync<CreateTopicsRequest, CreateTopicsResponse>(request, 7);
        Assert.Equal(ErrorCode.None, made.Topics[0].ErrorCode);
        var created = new TestTopic(name, made.Topics[0].TopicId);
        for (int i = 0; i < partitions; i++)
        {
            await UntilServedAsync(created, i);
        }
        return created;
    }

    /// <summary>Waits until the leader of a partition knows that it leads.</summary>
    public async Task UntilServedAsync(TestTopic topic, int partition = 0)
    {
        var id = new TopicPartition(topic.Name, partition);
        while (Brokers.All(b => b.Server is not { } server || server.Replicas.Partitions.Find(id) is not { Role.IsLeader: true }))
        {
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Stops the leader of a partition and starts it again: another reign begins.</summary>
    public async Task RestartLeaderAsync(TestTopic topic)
    {
        HostedBroker leader = Brokers[LeaderOf(topic)];
        await leader.StopAsync();
        await leader.StartAsync(TestContext.Current.CancellationToken);
        await UntilServedAsync(topic);
    }

    /// <summary>The broker that leads a partition.</summary>
    public int LeaderOf(TestTopic topic, int partition = 0) =>
        Brokers.Select(b => b.Server).First(s => s is { IsServing: true })!.Metadata.Current.Partition(topic.Name, partition)!.Leader;

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable client in _clients)
        {
            await client.DisposeAsync();
        }
        await _cluster.DisposeAsync();
        _directory.Dispose();
    }
}

/// <summary>A topic that a test made.</summary>
internal sealed record TestTopic(string Name, Guid Id)
{
    public ReadOnlyMemory<byte> Utf8 { get; } = System.Text.Encoding.UTF8.GetBytes(Name);
}

/// <summary>One cluster of two brokers that the tests of a class share.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    internal TestCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Cluster = await TestCluster.StartAsync(brokers: 2);

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();
}
