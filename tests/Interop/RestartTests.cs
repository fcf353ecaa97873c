namespace Interop;

/// <summary>Committed offsets survive: every client reads in a group, the host is stopped, or killed, and started again, and
/// the same group goes on with the next record.</summary>
public class RestartTests
{
    private const int Lines = 300;

    [Fact]
    public async Task Offsets_AfterACleanStopAndAfterKill9_AreWhereEveryClientLeftThem()
    {
        await using HostProcess host = await HostProcess.StartAsync();
        List<(string Name, Func<int, Task> Round)> clients = await ClientsAsync(host);
        Assert.SkipWhen(clients.Count == 0, "no client is installed");
        await AllAsync(clients, 0);
        Assert.Equal(0, (await host.StopAsync()).ExitCode);
        await host.StartAgainAsync();
        await AllAsync(clients, 1);
        await host.KillAsync();
        await host.StartAgainAsync();
        await AllAsync(clients, 2);
    }

    /// <summary>A few at a time: the machine has other work.</summary>
    private static Task AllAsync(List<(string Name, Func<int, Task> Round)> clients, int round) => Parallel.ForEachAsync(
        clients, new ParallelOptions { MaxDegreeOfParallelism = 3 }, async (client, _) => await client.Round(round));

    private static async Task<List<(string Name, Func<int, Task> Round)>> ClientsAsync(HostProcess host)
    {
        var clients = new List<(string, Func<int, Task>)>();
        await AddAsync(() => Task.FromResult(Kcat(host.Bootstrap)));
        await AddAsync(() => Task.FromResult(Go(host.Bootstrap)));
        await AddAsync(() => Task.FromResult(Java(host.Bootstrap)));
        foreach (string script in new[] { "kafkajs.mjs", "platformatic.mjs" })
        {
            await AddAsync(() => Task.FromResult(Script(JavaScriptClientTests.Node(), ["node", script], [], host.Bootstrap)));
        }
        foreach ((string module, string library) in new[] { ("kafka", "kafka-python"), ("confluent_kafka", "confluent") })
        {
            await AddAsync(async () => Script(await PythonClientTests.DebianAsync(module), ["python", "client.py"], [library], host.Bootstrap));
        }
        foreach (string library in new[] { "kafka-python", "confluent", "aiokafka" })
        {
            await AddAsync(async () => Script(await PythonClientTests.CurrentAsync(), ["python", "client.py"], [library], host.Bootstrap));
        }
        return clients;

        async Task AddAsync(Func<Task<Func<int, Task>>> make)
        {
            try
            {
                clients.Add(("", await make()));
            }
            catch (Exception e) when (e.Message.StartsWith("$XunitDynamicSkip$", StringComparison.Ordinal))
            {
                // not installed: the others still count
            }
        }
    }

    private static Func<int, Task> Script(string runtime, string[] script, string[] first, string bootstrap)
    {
        string topic = SharedHost.NewTopic("kept");
        return async round => (await Command.RunAsync(
            runtime, [Repository.Scripts(script), .. first, bootstrap, round == 0 ? "roundtrip" : "resume", topic]))
            .Succeeded($"{string.Join(' ', first)} {script[^1]} round {round}");
    }

    private static string Text(int round) => string.Concat(Enumerable.Range(round * Lines, Lines).Select(i => $"line {i}\n"));

    private static void Same(int round, string read) => Assert.Equal(
        Text(round).Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal),
        read.Split('\n').Where(l => l.StartsWith("line ", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    private static Func<int, Task> Kcat(string bootstrap)
    {
        string kcat = Command.Find("kcat");
        string topic = SharedHost.NewTopic("kept");
        return async round =>
        {
            (await Command.RunAsync(kcat, ["-b", bootstrap, "-P", "-t", topic, "-X", "acks=all"], Text(round))).Succeeded("kcat -P");
            CommandResult read = await Command.RunAsync(
                kcat, ["-b", bootstrap, "-G", topic, "-X", "auto.offset.reset=earliest", "-c", $"{Lines}", "-q", topic]);
            Same(round, read.Succeeded($"kcat -G round {round}"));
        };
    }

    private static Func<int, Task> Go(string bootstrap)
    {
        string kgocli = Repository.Peer("bin", "kgocli");
        string topic = SharedHost.NewTopic("kept");
        return async round =>
        {
            (await Command.RunAsync(kgocli, ["-b", bootstrap, "produce", topic], Text(round))).Succeeded("kgocli produce");
            CommandResult read = await Command.RunAsync(
                kgocli, ["-b", bootstrap, "consume", topic, "-g", topic, "-n", $"{Lines}", "-from", "start", "-timeout", "60s", "-f", "%v\\n"]);
            Same(round, read.Succeeded($"kgocli consume round {round}"));
        };
    }

    private static Func<int, Task> Java(string bootstrap)
    {
        JavaToolTests.Tools();
        string topic = SharedHost.NewTopic("kept");
        return async round =>
        {
            await KafkaTool.RunAsync("4.3", "console-producer", ["--bootstrap-server", bootstrap, "--topic", topic], Text(round));
            Same(round, await KafkaTool.RunAsync(
                "4.3", "console-consumer",
                [
                    "--bootstrap-server", bootstrap, "--topic", topic, "--group", topic, "--from-beginning",
                    "--max-messages", $"{Lines}", "--timeout-ms", "60000",
                ]));
        };
    }
}
