using System.Globalization;

namespace Interop;

/// <summary>Several log directories, looked at and changed with Apache Kafka's own tools.</summary>
public class LogDirTests
{
    private static Task<string> ToolAsync(string tool, params string[] arguments) => KafkaTool.RunAsync("4.3", tool, arguments);

    [Fact]
    public async Task Partition_ReassignedToAnotherLogDirectory_MovesThere_AsKafkasToolsSeeIt()
    {
        JavaToolTests.Tools();
        Command.Find("kcat");
        string disks = Directory.CreateTempSubdirectory("wheelhouse-disks-").FullName;
        try
        {
            (string first, string second) = (Path.Combine(disks, "first"), Path.Combine(disks, "second"));
            await using HostProcess host = await HostProcess.StartAsync(brokers: 1, ["--override", $"log.dirs={first},{second}"]);
            string input = string.Concat(Enumerable.Range(0, 5_000).Select(i => $"value {i}\n"));
            (await Command.RunAsync("kcat", ["-b", host.Bootstrap, "-P", "-t", "moving"], input)).Succeeded("kcat");
            string from = Directory.Exists(Path.Combine(first, "moving-0")) ? first : second;
            string to = from == first ? second : first;
            string described = await DescribeAsync(host);
            Assert.Contains(
                string.Create(CultureInfo.InvariantCulture, $"\"partition\":\"moving-0\",\"size\":{SizeOf(from)},\"offsetLag\":0,\"isFuture\":false"), described, StringComparison.Ordinal);
            Assert.Contains($"\"logDir\":\"{from}\"", described, StringComparison.Ordinal);

            string json = Path.Combine(disks, "move.json");
            await File.WriteAllTextAsync(
                json,
                $$"""{"version":1,"partitions":[{"topic":"moving","partition":0,"replicas":[0],"log_dirs":["{{to}}"]}]}""",
                TestContext.Current.CancellationToken);
            string[] at = ["--bootstrap-server", host.Bootstrap, "--reassignment-json-file", json];
            Assert.Contains("Successfully started", await ToolAsync("reassign-partitions", [.. at, "--execute"]), StringComparison.Ordinal);
            await KafkaTool.UntilAsync(
                said => said.Contains("complete", StringComparison.Ordinal) && !said.Contains("still", StringComparison.Ordinal),
                "4.3", "reassign-partitions", [.. at, "--verify"]);
            Assert.True(Directory.Exists(Path.Combine(to, "moving-0")));
            await Until.HoldsAsync("the old directory is gone", () => !Directory.Exists(Path.Combine(from, "moving-0")));
            string read = (await Command.RunAsync("kcat", ["-b", host.Bootstrap, "-C", "-t", "moving", "-o", "beginning", "-e", "-q"])).Succeeded("kcat");
            Assert.Equal(input, read);
        }
        finally
        {
            Directory.Delete(disks, recursive: true);
        }
    }

    private static Task<string> DescribeAsync(HostProcess host) =>
        ToolAsync("log-dirs", "--bootstrap-server", host.Bootstrap, "--describe", "--topic-list", "moving");

    private static long SizeOf(string directory) =>
        Directory.GetFiles(Path.Combine(directory, "moving-0"), "*.log").Sum(f => new FileInfo(f).Length);
}
