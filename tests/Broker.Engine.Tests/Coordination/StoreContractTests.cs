using System.Net;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.Embedded;
using Broker.Engine.Coordination.Server;
using Broker.Engine.Coordination.ZooKeeper;
using Broker.Engine.Tests.Storage;
using Broker.Engine.Timing;
using Interop;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Coordination;

/// <summary>The contract, over the tree of the process itself.</summary>
public sealed class EmbeddedContractTests : StoreContract
{
    private protected override Task<ICoordinationStore> OpenAsync() => Task.FromResult<ICoordinationStore>(
        new EmbeddedStore(new FaultingDisk(), "/c", new MonotonicClock(TimeProvider.System), NullLogger.Instance));
}

/// <summary>The contract, over a real ZooKeeper as Kafka 3.9 ships it.</summary>
public sealed class ZooKeeperContractTests(ZooKeeperFixture<Kafka39> fixture) : StoreContract, IClassFixture<ZooKeeperFixture<Kafka39>>
{
    private protected override Task<ICoordinationStore> OpenAsync() => Task.FromResult<ICoordinationStore>(fixture.OpenStore());
}

/// <summary>The contract, over a real ZooKeeper as Kafka 2.8 ships it.</summary>
public sealed class OldZooKeeperContractTests(ZooKeeperFixture<Kafka28> fixture) : StoreContract, IClassFixture<ZooKeeperFixture<Kafka28>>
{
    private protected override Task<ICoordinationStore> OpenAsync() => Task.FromResult<ICoordinationStore>(fixture.OpenStore());
}

public interface IKafkaVersion
{
    static abstract string Version { get; }
}

public sealed class Kafka39 : IKafkaVersion
{
    public static string Version => "3.9";
}

public sealed class Kafka28 : IKafkaVersion
{
    public static string Version => "2.8";
}

/// <summary>One real ZooKeeper for the tests of a class, each of which has a root of its own.</summary>
public sealed class ZooKeeperFixture<TVersion> : IAsyncLifetime
    where TVersion : IKafkaVersion
{
    private int _roots;

    private ZooKeeperProcess? _server;

    /// <summary>The server; a test that asks for it where there is none is skipped.</summary>
    internal ZooKeeperProcess Server
    {
        get
        {
            Repository.Peer("bin", "kafka");
            return _server!;
        }
    }

    public async ValueTask InitializeAsync() => _server = Repository.HasPeer("bin", "kafka")
        ? await ZooKeeperProcess.StartAsync(TVersion.Version) : null;

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    internal ZooKeeperStore OpenStore() => Keeper.Store($"{Server.Address}/tests/{Interlocked.Increment(ref _roots)}");
}

/// <summary>Opens our client.</summary>
internal static class Keeper
{
    public static ZooKeeperOptions Options(string connect)
    {
        (IReadOnlyList<ServerAddress> servers, string chroot) = ConnectString.Parse(connect, out _)!.Value;
        return new ZooKeeperOptions { Servers = servers, Chroot = chroot };
    }

    public static ZooKeeperStore Store(string connect) => Store(Options(connect));

    public static ZooKeeperStore Store(ZooKeeperOptions options) => new(options, TimeProvider.System, new Random(7), NullLogger.Instance);
}

/// <summary>The contract, over our client, the wire, our server and the tree of the process.</summary>
public sealed class ServedContractTests : StoreContract
{
    private readonly EmbeddedStore _tree =
        new(new FaultingDisk(), "/c", new MonotonicClock(TimeProvider.System), NullLogger.Instance);

    private TreeServer _server = null!;

    private protected override Task<ICoordinationStore> OpenAsync()
    {
        _server = new TreeServer(_tree, new TreeServerOptions(new IPEndPoint(IPAddress.Loopback, 0)), TimeProvider.System, NullLogger.Instance);
        _server.Start();
        return Task.FromResult<ICoordinationStore>(Keeper.Store($"{_server.EndPoint}/served"));
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _server.DisposeAsync();
        await _tree.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
