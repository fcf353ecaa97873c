using System.Net;
using System.Net.Sockets;
using Broker.Client;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Interop;

/// <summary>A host whose file descriptors are used up by connections.</summary>
public class DescriptorTests
{
    [Fact]
    public async Task Connections_UpToTheLimitOfDescriptors_LeaveTheLogsAndTheRuntimeTheirs()
    {
        string prlimit = Command.Find("prlimit");
        Command.Find("kcat");
        await using HostProcess host = await HostProcess.StartAsync(
            brokers: 1, ["--override", "log.segment.bytes=1048576", "--override", "num.partitions=1"]);
        await ProduceAsync(host, "before", 10);
        int used = Directory.GetFiles($"/proc/{host.ProcessId}/fd").Length;
        (await Command.RunAsync(prlimit, [$"--pid={host.ProcessId}", $"--nofile={used + 200}:{used + 200}"])).Succeeded("prlimit");
        // One client that is in, then as many as there is room for, and some that wait in the backlog.
        await using KafkaConnection inside = await KafkaConnection.ConnectAsync(
            "127.0.0.1", host.Port, "inside", TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        var idle = new List<Socket>();
        for (int i = 0; i < 190; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            idle.Add(socket);
            await socket.ConnectAsync(IPAddress.Loopback, host.Port, TestContext.Current.CancellationToken);
        }
        await host.SaysAsync("no file descriptor left");
        Assert.Equal(1, host.Log.Split("no file descriptor left").Length - 1);
        for (int i = 0; i < 40; i++)
        {
            await ProduceAsync(inside);   // segments roll
        }
        Assert.DoesNotContain("out of service", host.Log, StringComparison.Ordinal);
        idle.ForEach(s => s.Dispose());
        await ProduceAsync(host, "after", 10);
        Assert.Equal(0, (await host.StopAsync()).ExitCode);
    }

    private static async Task ProduceAsync(HostProcess host, string topic, int records) => (await Command.RunAsync(
        "kcat", ["-b", host.Bootstrap, "-P", "-t", topic], string.Concat(Enumerable.Range(0, records).Select(i => $"{i}\n")))).Succeeded("kcat");

    private static async Task ProduceAsync(KafkaConnection connection)
    {
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        builder.Begin(new RecordBatchOptions());
        builder.Append(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), (byte[]?)null, new byte[300_000]);
        var request = new ProduceRequest { Acks = 1, TimeoutMs = 30_000 };
        var data = new ProduceRequest.TopicProduceData { Name = "before"u8.ToArray() };
        data.PartitionData.Add(new() { Records = new Broker.Protocol.Wire.Records(builder.Finish().ToArray()) });
        request.TopicData.Add(data);
        ProduceResponse response = await connection.SendAsync<ProduceRequest, ProduceResponse>(
            request, 9, TestContext.Current.CancellationToken);
        Assert.Equal(ErrorCode.None, response.Responses[0].PartitionResponses[0].ErrorCode);
    }
}
