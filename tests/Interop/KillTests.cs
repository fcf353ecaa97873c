using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Interop;

/// <summary>kill -9 under load, and SIGTERM under load.</summary>
public class KillTests
{
    private const int Partitions = 6;

    /// <summary>acks=1, three brokers, several requests under way: after each kill and restart all that was acknowledged is
    /// there, in order, once. KILLS sets how often (20 for the record).</summary>
    [Fact]
    public async Task Kill9_UnderLoadWithAcks1_LosesNothingAcknowledged_KeepsOrder_AndDoublesNothing()
    {
        int kills = int.TryParse(Environment.GetEnvironmentVariable("KILLS"), out int given) ? given : 3;
        await using HostProcess host = await HostProcess.StartAsync(arguments: ["--override", "log.segment.bytes=1048576"]);
        using var http = new HttpClient { BaseAddress = host.Http };
        using HttpResponseMessage made = await Rest.PostAsync(http, "/api/v1/topics", $$"""{"name":"kept","partitions":{{Partitions}}}""");
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var producer = new RawProducer(host, "kept", Partitions);
        var random = new Random(9);
        var ready = new List<double>();
        for (int i = 0; i < kills; i++)
        {
            Task running = producer.RunUntilKilledAsync();
            // The kill comes at a moment that nothing in the broker knows of: this wait is the test's subject.
            await Task.Delay(random.Next(300, 1_500), TestContext.Current.CancellationToken);
            await host.KillAsync();
            await running;
            long began = Stopwatch.GetTimestamp();
            await host.StartAgainAsync();
            ready.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
        (long read, long lost, long duplicated, long outOfOrder) = await producer.VerifyAsync();
        string figures = string.Create(CultureInfo.InvariantCulture,
            $"kills {kills}, sent {producer.Sent}, acknowledged {producer.Acknowledged}, read {read}, lost {lost}, duplicated {duplicated}, " +
            $"out of order {outOfOrder}; ready after {ready.Min():0.00} to {ready.Max():0.00} s");
        TestContext.Current.TestOutputHelper?.WriteLine(figures);
        TestContext.Current.SendDiagnosticMessage(figures);
        Assert.True(producer.Acknowledged > 100 * kills, figures);
        Assert.True((lost, duplicated, outOfOrder) == (0, 0, 0), figures);
    }

    [Fact]
    public async Task SigTerm_With1000ConnectionsLongPollsAndLoad_IsQuick_AndTheNextStartRecoversNothing()
    {
        await using HostProcess host = await HostProcess.StartAsync();
        using var http = new HttpClient { BaseAddress = host.Http };
        using HttpResponseMessage made = await Rest.PostAsync(http, "/api/v1/topics", $$"""{"name":"kept","partitions":{{Partitions}}}""");
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using HttpResponseMessage empty = await Rest.PostAsync(http, "/api/v1/topics", """{"name":"empty","partitions":1}""");
        var clients = new List<Socket>();
        try
        {
            byte[] poll = LongPoll.Frame("empty");
            for (int i = 0; i < 1_000; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                clients.Add(socket);
                await socket.ConnectAsync("127.0.0.1", host.Port + (i % 3), TestContext.Current.CancellationToken);
                await socket.SendAsync(poll, TestContext.Current.CancellationToken);
            }
            var producer = new RawProducer(host, "kept", Partitions);
            Task running = producer.RunUntilKilledAsync();
            await Task.Delay(1_000, TestContext.Current.CancellationToken);
            (int exitCode, TimeSpan took) = await host.StopAsync();
            await running;
            Assert.Equal(0, exitCode);
            TestContext.Current.TestOutputHelper?.WriteLine($"stopped after {took.TotalSeconds:0.00} s");
            Assert.True(took < TimeSpan.FromSeconds(5), $"it took {took}");
            Assert.All([0, 1, 2], i => Assert.True(File.Exists(Path.Combine(host.DataDirectory, $"broker-{i}", ".kafka_cleanshutdown"))));
            await host.StartAgainAsync();
            foreach (string sign in new[] { "recover", "rebuilt", "cut at" })
            {
                Assert.DoesNotContain(sign, host.Log, StringComparison.OrdinalIgnoreCase);
            }
            (_, long lost, long duplicated, long outOfOrder) = await producer.VerifyAsync();
            Assert.Equal((0, 0, 0), (lost, duplicated, outOfOrder));
        }
        finally
        {
            clients.ForEach(c => c.Dispose());
        }
    }
}
