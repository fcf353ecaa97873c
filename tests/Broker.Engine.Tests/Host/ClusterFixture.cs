using Broker.Client;
using Broker.Engine.Admin;
using Broker.Engine.Metadata;
using Broker.Engine.Tests.Storage;
using Interop;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Host;

/// <summary>A host of three brokers in this process, over real sockets.</summary>
internal sealed class ClusterFixture : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private IClusterAdmin _admin = null!;

    public HostedCluster Cluster { get; private set; } = null!;

    public IClusterAdmin Admin => _admin;

    public string DataDirectory => _directory.At("data");

    public static async Task<ClusterFixture> StartAsync(params KeyValuePair<string, string>[] overrides)
    {
        var fixture = new ClusterFixture();
        fixture.Cluster = HostedCluster.Configure(
            new ClusterSettings
            {
                Brokers = 3, Port = FreePorts.InARow(3), DataDirectory = fixture.DataDirectory, Layers = [("test", overrides)],
            },
            TimeProvider.System, NullLoggerFactory.Instance);
        await fixture.Cluster.StartAsync(TestContext.Current.CancellationToken);
        fixture._admin = ClusterDoor.Open(fixture.Cluster);
        return fixture;
    }

    public BrokerServer Server(int broker) => Cluster.Brokers[broker].Server!;

    public IEnumerable<BrokerServer> Running => Cluster.Brokers.Select(b => b.Server).OfType<BrokerServer>();

    public int ControllerId => Running.First(s => s.Membership.Controller is { IsActive: true }).Id;

    public Task StopAsync(int broker) => Cluster.Brokers[broker].StopAsync();

    public Task StartAsync(int broker) => Cluster.Brokers[broker].StartAsync(TestContext.Current.CancellationToken);

    /// <summary>Waits until every running broker's picture shows it.</summary>
    public async Task SeenAsync(Func<MetadataImage, bool> holds, string what, long withinMs = 10_000)
    {
        foreach (BrokerServer server in Running)
        {
            Assert.True(await server.Waits.WaitAsync(holds, withinMs, what), $"broker {server.Id} did not see within {withinMs} ms: {what}");
        }
    }

    public async Task CreateAsync(string topic, int partitions)
    {
        await _admin.CreateTopicAsync(new NewTopic(topic, partitions, 1), TestContext.Current.CancellationToken);
        await SeenAsync(image => IsServed(image, topic, partitions), $"{topic} is served");
    }

    public static bool IsServed(MetadataImage image, string topic, int partitions) =>
        image.Topic(topic) is { } found && found.Partitions.Length == partitions && found.Partitions.All(p => p is { Leader: >= 0 });

    public Task<ProducedMessage> ProduceAsync(string topic, int partition, string value) => _admin.ProduceAsync(
        new NewMessage { Topic = topic, Partition = partition, Value = System.Text.Encoding.UTF8.GetBytes(value) },
        TestContext.Current.CancellationToken);

    public async Task<KafkaConnection> ConnectAsync(int broker)
    {
        BrokerEndpoint endpoint = Server(broker).Endpoints[0];
        return await KafkaConnection.ConnectAsync(
            endpoint.Host, endpoint.Port, "test", TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        (_admin as IDisposable)?.Dispose();
        await Cluster.DisposeAsync();
        _directory.Dispose();
    }
}
