using System.Text;
using Broker.Client;
using Broker.Engine.Admin;
using Broker.Engine.Tests.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Diagnostics;

/// <summary>A broker in this process that clients have used: a topic, one batch, one fetch, one group with an offset.</summary>
public sealed class MetricsFixture : IAsyncLifetime
{
    public const string Topic = "orders";
    public const string Group = "billing \"a\\b\"";
    public const int Records = 3;

    private readonly TempDirectory _directory = new();
    private KafkaConnection? _client;

    internal HostedCluster Cluster { get; private set; } = null!;

    internal BrokerServer Broker => Cluster.Brokers[0].Server!;

    internal KafkaConnection Client => _client!;

    internal IMetricsDoor Door { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Cluster = HostedCluster.Configure(
            new ClusterSettings
            {
                Brokers = 1,
                DataDirectory = _directory.At("data"),
                Layers = [("test", [new("listeners", "PLAINTEXT://127.0.0.1:0"), new("num.network.threads", "2")])],
            },
            TimeProvider.System, NullLoggerFactory.Instance);
        await Cluster.StartAsync(CancellationToken.None);
        using var admin = (IDisposable)ClusterDoor.Open(Cluster);
        Door = ClusterDoor.OpenMetrics(Cluster, (IClusterAdmin)admin);
        await ((IClusterAdmin)admin).CreateTopicAsync(new NewTopic(Topic, 1), CancellationToken.None);
        _client = await KafkaConnection.ConnectAsync(
            "127.0.0.1", Broker.Endpoints[0].Port, "metrics-test", TimeSpan.FromSeconds(10), CancellationToken.None);
        await ProduceAsync();
        await FetchAsync();
        await CommitAsync(offset: 1);
    }

    public async Task ProduceAsync()
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        builder.Begin(new RecordBatchOptions());
        for (int i = 0; i < Records; i++)
        {
            builder.Append(1_700_000_000_000, (byte[]?)null, new byte[100]);
        }
        var request = new ProduceRequest { Acks = 1, TimeoutMs = 1000 };
        var topic = new ProduceRequest.TopicProduceData { Name = Encoding.UTF8.GetBytes(Topic) };
        topic.PartitionData.Add(new() { Index = 0, Records = new Protocol.Wire.Records(builder.Finish().ToArray()) });
        request.TopicData.Add(topic);
        await Client.SendAsync<ProduceRequest, ProduceResponse>(request, 9, CancellationToken.None);
    }

    public async Task FetchAsync(long offset = 0, int maxWaitMs = 100)
    {
        var request = new FetchRequest { MaxWaitMs = maxWaitMs, MinBytes = 1, MaxBytes = 64 * 1024, SessionEpoch = -1, ReplicaId = -1 };
        var topic = new FetchRequest.FetchTopic { Topic = Encoding.UTF8.GetBytes(Topic) };
        topic.Partitions.Add(new() { Partition = 0, FetchOffset = offset, PartitionMaxBytes = 4096, CurrentLeaderEpoch = -1 });
        request.Topics.Add(topic);
        await Client.SendAsync<FetchRequest, FetchResponse>(request, 11, CancellationToken.None);
    }

    /// <summary>Commits sent, those included that the coordinator was not ready for.</summary>
    public int Commits { get; private set; }

    public async Task CommitAsync(long offset)
    {
        ErrorCode error;
        do
        {
            // The coordinator makes its topic and loads it on first use.
            await Client.SendAsync<FindCoordinatorRequest, FindCoordinatorResponse>(
                new FindCoordinatorRequest { Key = Group }, 2, CancellationToken.None);
            var request = new OffsetCommitRequest { GroupId = Group, GenerationIdOrMemberEpoch = -1 };
            var topic = new OffsetCommitRequest.OffsetCommitRequestTopic { Name = Topic };
            topic.Partitions.Add(new() { PartitionIndex = 0, CommittedOffset = offset, CommittedLeaderEpoch = -1 });
            request.Topics.Add(topic);
            Commits++;
            OffsetCommitResponse response = await Client.SendAsync<OffsetCommitRequest, OffsetCommitResponse>(request, 8, CancellationToken.None);
            error = response.Topics[0].Partitions[0].ErrorCode;
        }
        while (error is ErrorCode.CoordinatorLoadInProgress or ErrorCode.CoordinatorNotAvailable or ErrorCode.NotCoordinator);
        Assert.Equal(ErrorCode.None, error);
    }

    internal async Task<byte[]> JmxAsync(string? query = null)
    {
        var stream = new MemoryStream();
        await Door.WriteJmxAsync(query, null, stream, CancellationToken.None);
        return stream.ToArray();
    }

    internal async Task<string[]> PrometheusAsync()
    {
        var stream = new MemoryStream();
        await Door.WritePrometheusAsync(stream, CancellationToken.None);
        return Encoding.UTF8.GetString(stream.ToArray()).Split('\n');
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.DisposeAsync();
        }
        await Cluster.DisposeAsync();
        _directory.Dispose();
    }
}
