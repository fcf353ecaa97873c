namespace Interop;

/// <summary>Apache Kafka's own command line tools.</summary>
internal static class KafkaTool
{
    /// <summary>They run for a second: most of that is the start of their virtual machine.</summary>
    private const string Quick = "KAFKA_HEAP_OPTS=-Xmx256M -XX:+UseSerialGC -XX:TieredStopAtLevel=1";

    /// <summary>Runs one and gives back all that it printed, however it ended.</summary>
    /// <param name="version">4.3, 3.9 or 2.8.</param>
    /// <param name="tool">Its script's name without kafka- and .sh.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="input">What it reads.</param>
    public static Task<CommandResult> TryAsync(string version, string tool, string[] arguments, string? input = null) =>
        Command.RunAsync("env", [Quick, JavaToolTests.Tools(), version, tool, .. arguments], input);

    /// <summary>Runs one that must succeed.</summary>
    /// <returns>What it printed.</returns>
    public static async Task<string> RunAsync(string version, string tool, string[] arguments, string? input = null) =>
        (await TryAsync(version, tool, arguments, input)).Succeeded($"{tool} {version} {string.Join(' ', arguments)}");

    /// <summary>Runs one again and again until it succeeds and says what is waited for: a broker that did not make a change itself hears
    /// of it a moment later.</summary>
    public static async Task<string> UntilAsync(Func<string, bool> isIt, string version, string tool, string[] arguments) =>
        (await Until.SeenAsync(
            $"{tool} {version} {string.Join(' ', arguments)} says what is waited for", () => TryAsync(version, tool, arguments),
            said => said.ExitCode == 0 && isIt(said.Output), pauseMs: 1)).Output;
}

/// <summary>A file that a tool reads.</summary>
internal sealed class ToolFile : IDisposable
{
    public ToolFile(string json)
    {
        Path = System.IO.Path.GetTempFileName();
        File.WriteAllText(Path, json);
    }

    public string Path { get; }

    /// <summary>The partitions of a topic with the replicas that they are to have.</summary>
    public static ToolFile Reassignment(string topic, params (int Partition, string Replicas)[] partitions) => new(
        "{\"version\":1,\"partitions\":["
        + string.Join(',', partitions.Select(p => $"{{\"topic\":\"{topic}\",\"partition\":{p.Partition},\"replicas\":[{p.Replicas}]}}")) + "]}");

    public static ToolFile Partitions(string topic, params int[] partitions) => new(
        "{\"partitions\":[" + string.Join(',', partitions.Select(p => $"{{\"topic\":\"{topic}\",\"partition\":{p}}}")) + "]}");

    public void Dispose() => File.Delete(Path);
}
