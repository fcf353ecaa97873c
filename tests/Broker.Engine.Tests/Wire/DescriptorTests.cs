using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Broker.Client;
using Broker.Engine.Tests.Host;
using Broker.Protocol.Messages;
using Microsoft.Win32.SafeHandles;
using static Broker.Engine.Tests.Wire.RudeClientTests;

namespace Broker.Engine.Tests.Wire;

/// <summary>Descriptors of the process: counted, and used up. Nothing else may run beside.</summary>
[Collection(nameof(AloneCollection))]
public partial class DescriptorTests
{
    private const int RlimitNofile = 7;

    public static TheoryData<bool> Both => ConnectionTraps.Both;

    /// <summary>Thousands of rude connections leave no connection, no buffer and no descriptor behind.</summary>
    [Theory]
    [MemberData(nameof(Both))]
    public async Task RudeConnections_ByTheThousand_LeakNothing(bool portable)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "descriptors are counted in /proc");
        await using TestCluster cluster = await TestCluster.StartAsync(portable: portable);
        TestTopic topic = await cluster.NewTopicAsync();
        KafkaConnection decent = await cluster.ConnectAsync();
        await ServesAsync(decent, topic);
        byte[] produce = RawClient.Frame(ApiKey.Produce, 9, Calls.ProduceRequest(topic, Calls.Batch(1, valueBytes: 20_000), 9));
        byte[] fetch = RawClient.Frame(ApiKey.Fetch, 12, Calls.FetchRequest(topic, 0, maxWaitMs: 50, minBytes: 1 << 30));
        byte[] metadata = RawClient.Frame(ApiKey.Metadata, 9, new MetadataRequest { Topics = null });
        async Task BeRudeAsync(int from, int to)
        {
            for (int i = from; i < to; i++)
            {
                await using RawClient client = cluster.ConnectRaw();
                byte[] bytes = (i % 5) switch
                {
                    0 => produce[..(i % produce.Length)],
                    1 => fetch,
                    2 => [.. metadata, .. metadata, .. fetch, .. metadata],
                    3 => [0x7f, 1, 2, 3],
                    _ => [],
                };
                await client.SendAsync(bytes);
                client.Socket.LingerState = new LingerOption(true, i % 3 == 0 ? 0 : 1);
            }
        }

        int before = cluster.Server().Connections.Count;
        await BeRudeAsync(0, 300);
        await UntilAloneAsync(cluster, before);
        int descriptors = SocketsOpen();
        long rented = cluster.Server().Transport.Pool.RentedBytes;
        int each = portable ? 250 : 1000;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(n => BeRudeAsync(n * each, (n + 1) * each)));
        await UntilAloneAsync(cluster, before);
        await UntilAsync(() => cluster.Server().FetchPurgatory.NumDelayedOperations == 0, "fetches of nobody still wait");
        await UntilAsync(
            () => cluster.Server().Transport.Pool.RentedBytes <= rented,
            $"{cluster.Server().Transport.Pool.RentedBytes} bytes are rented where it were {rented}");
        await UntilAsync(() => SocketsOpen() <= descriptors, $"{SocketsOpen()} sockets are open where it were {descriptors}");
        await ServesAsync(decent, topic);
    }

    private static int SocketsOpen() => Directory.GetFiles("/proc/self/fd").Count(f =>
    {
        try
        {
            return File.ResolveLinkTarget(f, returnFinalTarget: false)?.Name.StartsWith("socket:", StringComparison.Ordinal) == true;
        }
        catch (IOException)
        {
            return false;   // the descriptor of this very listing
        }
    });

    /// <summary>Without a descriptor left, accepting rests instead of spinning, and goes on when there is one.</summary>
    [Theory]
    [MemberData(nameof(Both))]
    public async Task Descriptors_UsedUp_AcceptRestsAndGoesOn(bool portable)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "limits are set by setrlimit");
        await using TestCluster cluster = await TestCluster.StartAsync(portable: portable);
        (KafkaConnection decent, TestTopic topic, Socket[] sockets) = await PrepareAsync(cluster, sockets: 20);
        TimeSpan usual = await ServeForASecondAsync(decent, topic);
        var held = new List<SafeFileHandle>();
        Assert.Equal(0, GetLimit(RlimitNofile, out Limit limit));
        try
        {
            Assert.Equal(0, SetLimit(RlimitNofile, limit with { Soft = (nuint)HighestDescriptor() + 3 }));
            UseUp(held);
            foreach (Socket socket in sockets)
            {
                await socket.ConnectAsync(IPAddress.Loopback, cluster.Port(), TestContext.Current.CancellationToken);
                await socket.SendAsync(RawClient.Frame(ApiKey.Metadata, 9, new MetadataRequest()), TestContext.Current.CancellationToken);
            }
            TimeSpan used = await ServeForASecondAsync(decent, topic);
            Assert.True(used < usual + TimeSpan.FromSeconds(0.5), $"{used} of processor time within a second, {usual} without");
            Assert.True(cluster.Server().Connections.Count < 20, "the limit was not reached");
        }
        finally
        {
            Assert.Equal(0, SetLimit(RlimitNofile, limit));
            held.ForEach(h => h.Dispose());
        }
        byte[] answer = new byte[1];
        foreach (Socket socket in sockets)
        {
            Assert.Equal(1, await socket.ReceiveAsync(answer, TestContext.Current.CancellationToken));
            socket.Dispose();
        }
    }

    /// <summary>The last descriptors are the log's: connections wait.</summary>
    [Theory]
    [MemberData(nameof(Both))]
    public async Task Descriptors_AlmostUsedUp_NoConnectionTakesThem(bool portable)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "limits are set by setrlimit");
        await using TestCluster cluster = await TestCluster.StartAsync(portable: portable);
        (KafkaConnection decent, TestTopic topic, Socket[] sockets) = await PrepareAsync(cluster, sockets: 6);
        int before = cluster.Server().Connections.Count;
        var held = new List<SafeFileHandle>();
        Assert.Equal(0, GetLimit(RlimitNofile, out Limit limit));
        try
        {
            nuint full = (nuint)Math.Max(HighestDescriptor(), 100) + 3;
            Assert.Equal(0, SetLimit(RlimitNofile, limit with { Soft = full }));
            UseUp(held);
            Assert.Equal(0, SetLimit(RlimitNofile, limit with { Soft = full + 8 }));
            foreach (Socket socket in sockets)
            {
                await socket.ConnectAsync(IPAddress.Loopback, cluster.Port(), TestContext.Current.CancellationToken);
            }
            await ServeForASecondAsync(decent, topic);
            Assert.InRange(cluster.Server().Connections.Count, before, before + 1);   // one that was waited for as the last went
            held.Add(File.OpenHandle("/dev/null"));
        }
        finally
        {
            Assert.Equal(0, SetLimit(RlimitNofile, limit));
            held.ForEach(h => h.Dispose());
        }
        await UntilAsync(() => cluster.Server().Connections.Count == before + sockets.Length, "those that waited are not served");
        Array.ForEach(sockets, s => s.Dispose());
    }

    /// <summary>A client that is served, and whatever else must be there before descriptors run out.</summary>
    private static async Task<(KafkaConnection Decent, TestTopic Topic, Socket[] Sockets)> PrepareAsync(TestCluster cluster, int sockets)
    {
        TestTopic topic = await cluster.NewTopicAsync();
        KafkaConnection decent = await cluster.ConnectAsync();
        await ServesAsync(decent, topic);
        Socket[] all = [.. Enumerable.Range(0, sockets).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))];
        await Task.WhenAll(all.Select(s => Task.Run(() => s.Blocking)));
        MakeThreads(cluster.Server());
        return (decent, topic, all);
    }

    /// <summary>The runtime cannot start a thread without a descriptor: those that will be needed are there before.</summary>
    private static void MakeThreads(BrokerServer broker)
    {
        const int Pool = 24;
        ThreadPool.GetMinThreads(out int workers, out int others);
        ThreadPool.SetMinThreads(Pool + 8, others);
        RunAtOnce(Pool, work => Task.Run(work));
        ThreadPool.SetMinThreads(workers, others);
        RunAtOnce(broker.Workers.Load.Max, work => broker.Workers.Run(work));
    }

    private static void RunAtOnce(int count, Action<Action> run)
    {
        var together = new Barrier(count + 1);
        for (int i = 0; i < count; i++)
        {
            run(() => together.SignalAndWait());
        }
        together.SignalAndWait();
    }

    /// <summary>Processor time of this process while one client asks for a second.</summary>
    private static async Task<TimeSpan> ServeForASecondAsync(KafkaConnection client, TestTopic topic)
    {
        TimeSpan before = Environment.CpuUsage.TotalTime;
        long began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(1))
        {
            await ServesAsync(client, topic);
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        return Environment.CpuUsage.TotalTime - before;
    }

    private static void UseUp(List<SafeFileHandle> held)
    {
        try
        {
            while (true)
            {
                held.Add(File.OpenHandle("/dev/null"));
            }
        }
        catch (IOException)
        {
            // none is left
        }
    }

    private static int HighestDescriptor() =>
        Directory.GetFiles("/proc/self/fd").Max(f => int.Parse(Path.GetFileName(f), System.Globalization.CultureInfo.InvariantCulture));

    [StructLayout(LayoutKind.Sequential)]
    private record struct Limit(nuint Soft, nuint Hard);

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    private static partial int GetLimit(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    private static partial int SetLimit(int resource, in Limit limit);
}
