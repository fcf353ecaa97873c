namespace Interop;

/// <summary>Python clients: Debian's (python3-kafka 2.0.2, confluent-kafka 1.7 on librdkafka 2.0.2), and the current ones
/// where the peers are there.</summary>
public class PythonClientTests(SharedHost host) : IClassFixture<SharedHost>
{
    private static readonly SemaphoreSlim s_making = new(1);
    private static string? s_current;

    private async Task RunAsync(string python, string library, string command, string codec = "none")
    {
        CommandResult result = await Command.RunAsync(
            python, [Repository.Scripts("python", "client.py"), library, host.Bootstrap, command, SharedHost.NewTopic("py"), codec]);
        result.Succeeded($"{library} {command} {codec}");
    }

    /// <summary>Debian's own interpreter, with a library of Debian's.</summary>
    internal static async Task<string> DebianAsync(string module)
    {
        const string Python = "/usr/bin/python3";
        Assert.SkipUnless(File.Exists(Python), "Debian's python3 is not installed");
        CommandResult import = await Command.RunAsync(Python, ["-c", $"import {module}"]);
        Assert.SkipUnless(import.ExitCode == 0, $"Debian's python3-{module.Replace('_', '-')} is not installed");
        return Python;
    }

    /// <summary>A virtual environment with the current clients, made once.</summary>
    internal static async Task<string> CurrentAsync()
    {
        string wheels = Repository.Peer("wheels");
        await s_making.WaitAsync();
        try
        {
            if (s_current is null)
            {
                string folder = Path.Combine(AppContext.BaseDirectory, "current-python-clients");
                string python = Path.Combine(folder, "bin", "python");
                if (!File.Exists(Path.Combine(folder, "complete")))
                {
                    (await Command.RunAsync(Command.Find("python3"), ["-m", "venv", "--clear", folder])).Succeeded("venv");
                    (await Command.RunAsync(python,
                    [
                        "-m", "pip", "install", "-q", "--no-index", "--find-links", wheels,
                        "confluent-kafka", "aiokafka", "kafka-python", "lz4", "zstandard", "cramjam", "python-snappy",
                    ])).Succeeded("pip install");
                    await File.WriteAllTextAsync(Path.Combine(folder, "complete"), "", TestContext.Current.CancellationToken);
                }
                s_current = python;
            }
            return s_current;
        }
        finally
        {
            s_making.Release();
        }
    }

    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    public async Task DebianKafkaPython_Roundtrip_GetsWhatWasSent(string codec) =>
        await RunAsync(await DebianAsync("kafka"), "kafka-python", "roundtrip", codec);

    [Fact]
    public async Task DebianKafkaPython_Group_SharesPartitions() =>
        await RunAsync(await DebianAsync("kafka"), "kafka-python", "group");

    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("snappy")]
    [InlineData("lz4")]
    [InlineData("zstd")]
    public async Task DebianConfluent_Roundtrip_GetsWhatWasSent(string codec) =>
        await RunAsync(await DebianAsync("confluent_kafka"), "confluent", "roundtrip", codec);

    [Fact]
    public async Task DebianConfluent_Group_SharesPartitions() =>
        await RunAsync(await DebianAsync("confluent_kafka"), "confluent", "group");

    [Theory]
    [InlineData("kafka-python")]
    [InlineData("confluent")]
    [InlineData("aiokafka")]
    public async Task Current_Roundtrip_GetsWhatWasSent(string library)
    {
        string python = await CurrentAsync();
        foreach (string codec in new[] { "none", "gzip", "snappy", "lz4", "zstd" })
        {
            await RunAsync(python, library, "roundtrip", codec);
        }
    }

    [Theory]
    [InlineData("kafka-python")]
    [InlineData("confluent")]
    [InlineData("aiokafka")]
    public async Task Current_Group_SharesPartitions(string library) => await RunAsync(await CurrentAsync(), library, "group");
}
