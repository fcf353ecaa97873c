using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Interop;

/// <summary>The host as an operator meets it: options, refusals, stopping, killing, starting again.</summary>
public class HostTests(SharedHost shared) : IClassFixture<SharedHost>
{
    private static async Task<CommandResult> RunHostAsync(params string[] arguments) =>
        await Command.RunAsync(Repository.Host, arguments);

    [Theory]
    [InlineData("--override", "num.partition=3", "did you mean 'num.partitions'?")]
    [InlineData("--override", "log.segment.bytes=many", "Not a number of type INT")]
    [InlineData("--http", "http://0.0.0.0:8099", "--allow-remote-http")]
    [InlineData("--config", "/no/such/file", "cannot read /no/such/file")]
    public async Task Start_WithWhatCannotStand_EndsInOneClearLineAndExitCode1(string option, string value, string says)
    {
        string data = Directory.CreateTempSubdirectory("wheelhouse-host-").FullName;
        CommandResult result = await RunHostAsync("--data-dir", data, option, value);
        Assert.Equal(1, result.ExitCode);
        string line = Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(says, line, StringComparison.Ordinal);
        Directory.Delete(data, recursive: true);
    }

    [Fact]
    public async Task Start_OnAPortOrDirectoryInUse_SaysSoAndExits1()
    {
        await using HostProcess host = await HostProcess.StartAsync(brokers: 1);
        CommandResult sameData = await RunHostAsync("--data-dir", host.DataDirectory, "--port", "0", "--http", $"http://127.0.0.1:{HostProcess.FreePorts(1)}");
        Assert.Equal(1, sameData.ExitCode);
        Assert.Contains("in use by another process", sameData.Error, StringComparison.Ordinal);
        string other = Directory.CreateTempSubdirectory("wheelhouse-host-").FullName;
        CommandResult samePort = await RunHostAsync(
            "--brokers", "1", "--data-dir", other, "--port", $"{host.Port}", "--http", $"http://127.0.0.1:{HostProcess.FreePorts(1)}");
        Assert.Equal(1, samePort.ExitCode);
        Assert.Contains("cannot listen on", samePort.Error, StringComparison.Ordinal);
        Directory.Delete(other, recursive: true);
    }

    [Fact]
    public async Task Stop_BySigTerm_IsQuickAndLeavesTheMarkOfACleanStop()
    {
        await using HostProcess host = await HostProcess.StartAsync();
        (int exitCode, TimeSpan took) = await host.StopAsync();
        Assert.Equal(0, exitCode);
        Assert.True(took < TimeSpan.FromSeconds(5), $"it took {took}");
        Assert.All([0, 1, 2], i => Assert.True(File.Exists(Path.Combine(host.DataDirectory, $"broker-{i}", ".kafka_cleanshutdown"))));
    }

    /// <summary>kcat without idempotence, acks=1: what it said was delivered is there after each kill, in order, once.</summary>
    [Fact]
    public async Task Kill_UnderLoad_LosesNothingAcknowledged()
    {
        await using HostProcess host = await HostProcess.StartAsync(brokers: 1, ["--override", "num.partitions=1"]);
        int sent = 0;
        for (int round = 0; round < 5; round++)
        {
            string input = Path.GetTempFileName();
            await File.WriteAllLinesAsync(input, Enumerable.Range(sent, 2000).Select(i => $"{i}"), TestContext.Current.CancellationToken);
            CommandResult produced = await Command.RunAsync(
                "kcat", ["-b", host.Bootstrap, "-P", "-t", "kept", "-X", "acks=1", "-l", input]);
            Assert.Equal(0, produced.ExitCode);
            sent += 2000;
            File.Delete(input);
            await host.KillAsync();
            await host.StartAgainAsync();
        }
        CommandResult read = await Command.RunAsync("kcat", ["-b", host.Bootstrap, "-C", "-t", "kept", "-o", "beginning", "-e", "-q"]);
        Assert.Equal(Enumerable.Range(0, sent).Select(i => $"{i}"), read.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Broker_StoppedAndStartedThroughRest_IsLeaderlessElsewhereAndThenServesAgain()
    {
        await using HostProcess host = await HostProcess.StartAsync();
        using var http = new HttpClient { BaseAddress = host.Http };
        using HttpResponseMessage made = await Rest.PostAsync(http, "/api/v1/topics", """{"name":"spread","partitions":6}""");
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        Assert.Equal(0, await OfflineAsync(http));
        using HttpResponseMessage stopped = await Rest.PostAsync(http, "/api/v1/brokers/2/stop", "{}");
        Assert.Equal(HttpStatusCode.NoContent, stopped.StatusCode);
        await Until.EqualAsync(2, "offline partitions", () => OfflineAsync(http));
        using HttpResponseMessage started = await Rest.PostAsync(http, "/api/v1/brokers/2/start", "{}");
        Assert.Equal(HttpStatusCode.NoContent, started.StatusCode);
        await Until.EqualAsync(0, "offline partitions", () => OfflineAsync(http));
    }

    [Fact]
    public async Task Rest_Refusals_AreProblemsWithKafkasNameOfTheError()
    {
        using var http = new HttpClient { BaseAddress = shared.Host.Http };
        using HttpResponseMessage missing = await http.GetAsync(new Uri("/api/v1/topics/none", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        Assert.Equal("UNKNOWN_TOPIC_OR_PARTITION", await ErrorAsync(missing));
        using HttpResponseMessage replicas = await Rest.PostAsync(http, "/api/v1/topics", """{"name":"many","partitions":1,"replicationFactor":4}""");
        Assert.Equal(HttpStatusCode.BadRequest, replicas.StatusCode);
        Assert.Equal("INVALID_REPLICATION_FACTOR", await ErrorAsync(replicas));
        using var foreign = new HttpRequestMessage(HttpMethod.Post, "/api/v1/brokers/0/stop");
        foreign.Headers.Add("Origin", "http://elsewhere.example");
        using HttpResponseMessage refused = await http.SendAsync(foreign, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task Rest_Messages_AreProducedAndRead_AndTheirSegmentIsShown()
    {
        using var http = new HttpClient { BaseAddress = shared.Host.Http };
        (await Rest.PostAsync(http, "/api/v1/topics", """{"name":"notes","partitions":1}""")).Dispose();
        using HttpResponseMessage produced = await Rest.PostAsync(
            http, "/api/v1/topics/notes/messages", """{"key":"k","value":"hello","headers":[{"key":"h","value":"1"}],"compression":"zstd"}""");
        Assert.True(produced.IsSuccessStatusCode, await produced.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        JsonElement page = await Rest.GetAsync(http, "/api/v1/topics/notes/messages?from=Oldest");
        Assert.Equal("hello", page.GetProperty("messages")[0].GetProperty("value").GetString());
        JsonElement batches = await Rest.GetAsync(http, "/api/v1/topics/notes/partitions/0/segments/0/batches");
        Assert.Equal("Valid", batches.GetProperty("batches")[0].GetProperty("crcState").GetString());
        Assert.Equal("zstd", batches.GetProperty("batches")[0].GetProperty("compression").GetString());
        Assert.Equal(6, (await Rest.GetAsync(http, "/api/v1/brokers/0/timers")).GetProperty("purgatories").GetArrayLength());
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/topics")]
    [InlineData("/timers")]
    [InlineData("/openapi/v1.json")]
    [InlineData("/api/index.html")]
    [InlineData("/_framework/blazor.web.js")]
    public async Task Http_Pages_AreServed(string path)
    {
        using var http = new HttpClient { BaseAddress = shared.Host.Http };
        using HttpResponseMessage page = await http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
    }

    /// <summary>Garbage costs its connection, never the broker.</summary>
    [Fact]
    public async Task Garbage_OnTheWire_CostsOneConnection()
    {
        await using HostProcess host = await HostProcess.StartAsync(brokers: 1);
        var random = new Random(7);
        for (int i = 0; i < 50; i++)
        {
            using var client = new TcpClient("127.0.0.1", host.Port);
            byte[] bytes = new byte[random.Next(1, 400)];
            random.NextBytes(bytes);
            await client.GetStream().WriteAsync(bytes, TestContext.Current.CancellationToken);
        }
        CommandResult listed = await Command.RunAsync("kcat", ["-b", host.Bootstrap, "-L"]);
        Assert.Equal(0, listed.ExitCode);
    }

    private static async Task<string?> ErrorAsync(HttpResponseMessage response)
    {
        using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        return document.RootElement.GetProperty("error").GetString();
    }

    private static async Task<int> OfflineAsync(HttpClient http) => (await Rest.GetAsync(http, "/api/v1/cluster")).GetProperty("offlinePartitions").GetInt32();
}
