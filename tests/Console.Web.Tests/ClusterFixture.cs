using Broker.Engine;
using Broker.Engine.Admin;
using Microsoft.Extensions.Logging.Abstractions;

[assembly: AssemblyFixture(typeof(WebConsole.Tests.ClusterFixture))]

namespace WebConsole.Tests;

/// <summary>Two real brokers in this process, shared by all tests; each test takes topics of its own.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private static int s_names;
    private readonly string _folder = Directory.CreateTempSubdirectory("wheelhouse-console-").FullName;
    private HostedCluster? _cluster;

    public IClusterAdmin Admin { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = HostedCluster.Configure(
            new ClusterSettings
            {
                Brokers = 2,
                DataDirectory = _folder,
                Layers =
                [
                    ("test",
                    [
                        new("listeners", "PLAINTEXT://127.0.0.1:0"), new("num.network.threads", "1"), new("num.io.threads", "2"),
                        new("group.initial.rebalance.delay.ms", "0"), new("offsets.topic.num.partitions", "1"),
                    ]),
                ],
            },
            TimeProvider.System, NullLoggerFactory.Instance);
        await _cluster.StartAsync(CancellationToken.None);
        Admin = ClusterDoor.Open(_cluster);
    }

    /// <summary>Makes a topic that no other test uses.</summary>
    public async Task<string> TopicAsync(int partitions = 1)
    {
        string name = NewName("topic");
        await Admin.CreateTopicAsync(new NewTopic(name, partitions), TestContext.Current.CancellationToken);
        return name;
    }

    public static string NewName(string what) => $"{what}-{Interlocked.Increment(ref s_names)}";

    public async ValueTask DisposeAsync()
    {
        (Admin as IDisposable)?.Dispose();
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
        Directory.Delete(_folder, recursive: true);
    }
}
