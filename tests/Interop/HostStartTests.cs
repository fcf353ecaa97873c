using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace Interop;

/// <summary>How the built host starts and ends: its options, the data it refuses, and stopping in the middle of work.</summary>
public sealed class HostStartTests : IDisposable
{
    private const string ForeignCluster = "AAAAAAAAAAAAAAAAAAAAAA";

    private readonly string _directory = Directory.CreateTempSubdirectory("wheelhouse-start-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private string At(params string[] parts) => Path.Combine([_directory, .. parts]);

    private static async Task<CommandResult> RunAsync(string data, params string[] arguments) => await Command.RunAsync(
        Repository.Host,
        ["--brokers", "1", "--port", "0", "--http", $"http://127.0.0.1:{HostProcess.FreePorts(1)}", "--data-dir", data, .. arguments]);

    /// <summary>One line on the error stream, and exit code 1.</summary>
    private static string Refusal(CommandResult result)
    {
        Assert.Equal(1, result.ExitCode);
        return Assert.Single(result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Start_WhereDataCannotBeWritten_SaysSo()
    {
        await File.WriteAllTextAsync(At("file"), "x", TestContext.Current.CancellationToken);
        Assert.Contains("cannot be written", Refusal(await RunAsync(At("file"))), StringComparison.Ordinal);
        Directory.CreateDirectory(At("data"));
        await File.WriteAllTextAsync(At("data", "broker-0"), "x", TestContext.Current.CancellationToken);
        Assert.Contains("broker-0 failed: it cannot be written", Refusal(await RunAsync(At("data"))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "belongs to cluster AAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData(7, "broker")]
    public async Task Start_OnTheDataOfAnotherClusterOrBroker_IsRefused(int broker, string says)
    {
        await using (HostProcess host = await HostProcess.StartAsync(brokers: 1, dataDirectory: At("data")))
        {
            await host.StopAsync();
        }
        string[] own = await File.ReadAllLinesAsync(At("data", "broker-0", "meta.properties"), TestContext.Current.CancellationToken);
        string cluster = broker == 0
            ? ForeignCluster : own.First(l => l.StartsWith("cluster.id=", StringComparison.Ordinal))["cluster.id=".Length..];
        await File.WriteAllTextAsync(
            At("data", "broker-0", "meta.properties"), $"version=0\nbroker.id={broker}\ncluster.id={cluster}\n", TestContext.Current.CancellationToken);
        string line = Refusal(await RunAsync(At("data")));
        Assert.Contains(says, line, StringComparison.Ordinal);
        Assert.Contains("meta.properties", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("num.partitions=0", "Invalid value 0 for configuration num.partitions: Value must be at least 1")]
    [InlineData("log.cleanup.policy=foo", "String must be one of: compact, delete")]
    [InlineData("auto.create.topics.enable=maybe", "Expected value to be either true or false")]
    [InlineData("listeners=SSL://127.0.0.1:0", "speaks PLAINTEXT only")]
    [InlineData("listener.name.plaintext.max.connections=4", "set max.connections")]
    public async Task Start_WithAValueThatCannotStand_NamesTheKeyTheValueAndWhatIsAllowed(string setting, string says)
    {
        string line = Refusal(await RunAsync(At("data"), "--override", setting));
        Assert.Contains(says, line, StringComparison.Ordinal);
        Assert.Contains(setting.Split('=')[0], line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_OfTheBuiltExecutable_AreTheOnesThatStay()
    {
        CommandResult version = await Command.RunAsync(Repository.Host, ["--version"]);
        Assert.Equal(0, version.ExitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+", version.Output);
        CommandResult help = await Command.RunAsync(Repository.Host, ["--help"]);
        Assert.Equal(0, help.ExitCode);
        Assert.All(
            ["--brokers", "--port", "--http", "--data-dir", "--config", "--override", "--daemon", "--version", "--help", "--allow-remote-http"],
            o => Assert.Contains(o, help.Output, StringComparison.Ordinal));
        CommandResult unknown = await Command.RunAsync(Repository.Host, ["--nope"]);
        Assert.Equal(1, unknown.ExitCode);
    }

    [Fact]
    public async Task Config_File_IsRead_AndOverridesWin()
    {
        string file = At("server.properties");
        await File.WriteAllTextAsync(
            file, "broker.id=4\nnum.partitions=5\nlog.retention.hours=3\nzookeeper.sync.time.ms=18000\n", TestContext.Current.CancellationToken);
        await using HostProcess host = await HostProcess.StartAsync(
            brokers: 1, ["--config", file, "--override", "num.partitions=2"], At("data"));
        await host.SaysAsync("zookeeper.sync.time.ms=18000 has no effect here");
        using var http = new HttpClient { BaseAddress = host.Http };
        JsonElement config = await http.GetFromJsonAsync<JsonElement>("/api/v1/brokers/4/config", TestContext.Current.CancellationToken);
        JsonElement Entry(string name) => config.EnumerateArray().First(c => c.GetProperty("name").GetString() == name);
        Assert.Equal("2", Entry("num.partitions").GetProperty("value").GetString());
        Assert.Equal("STATIC_BROKER_CONFIG", Entry("log.retention.hours").GetProperty("source").GetString());
    }

    [Fact]
    public async Task Stop_UnderLoad_IsQuick_AndTheNextStartRecoversNothing()
    {
        await using HostProcess host = await HostProcess.StartAsync(brokers: 1, ["--override", "num.partitions=1"], At("data"));
        string input = At("lines");
        await File.WriteAllLinesAsync(input, Enumerable.Range(0, 200_000).Select(i => $"{i}"), TestContext.Current.CancellationToken);
        Task<CommandResult> produced = Command.RunAsync(
            "kcat", ["-b", host.Bootstrap, "-P", "-t", "load", "-X", "acks=1", "-X", "message.timeout.ms=10000", "-l", input]);
        var log = new FileInfo(At("data", "broker-0", "load-0", "00000000000000000000.log"));
        await Until.HoldsAsync(
            "kcat produces",
            () =>
            {
                log.Refresh();
                return log.Exists && log.Length > 0;
            },
            () => produced.IsCompleted ? $"{produced.Result}" : "kcat runs", pauseMs: 2);
        (int exitCode, TimeSpan took) = await host.StopAsync();
        Assert.Equal(0, exitCode);
        Assert.True(took < TimeSpan.FromSeconds(5), $"it took {took}");
        Assert.True(File.Exists(At("data", "broker-0", ".kafka_cleanshutdown")));
        await produced;
        await host.StartAgainAsync();
        Assert.DoesNotContain("recover", host.Log, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Daemon_ReturnsOnceReady_AndIsStoppedByItsProcessId()
    {
        int port = HostProcess.FreePorts(1);
        int http = HostProcess.FreePorts(1);
        CommandResult started = await Command.RunAsync(
            Repository.Host,
            ["--daemon", "--brokers", "1", "--port", $"{port}", "--http", $"http://127.0.0.1:{http}", "--data-dir", At("data")]);
        Assert.Equal(0, started.ExitCode);
        int id = int.Parse(started.Output.Split("process ")[1].Split(';')[0], System.Globalization.CultureInfo.InvariantCulture);
        try
        {
            using var client = new TcpClient("127.0.0.1", port);
            Assert.True(client.Connected);
        }
        finally
        {
            CommandResult stopped = await Command.RunAsync("kill", ["-TERM", $"{id}"]);
            Assert.Equal(0, stopped.ExitCode);
        }
        string marker = At("data", "broker-0", ".kafka_cleanshutdown");
        await Until.HoldsAsync("the daemon has stopped cleanly", () => File.Exists(marker) && !Directory.Exists($"/proc/{id}"));
    }
}
