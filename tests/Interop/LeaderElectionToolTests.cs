namespace Interop;

/// <summary>kafka-leader-election, and what kafka-topics says of partitions in trouble, while brokers stop and start.</summary>
public sealed class LeaderElectionToolTests : IAsyncLifetime
{
    private HostProcess _host = null!;
    private HttpClient _http = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string[] To => ["--bootstrap-server", _host.Bootstrap];

    public async ValueTask InitializeAsync()
    {
        JavaToolTests.Tools();
        _host = await HostProcess.StartAsync(arguments: ["--override", "auto.leader.rebalance.enable=false"]);
        _http = new HttpClient { BaseAddress = _host.Http };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _host.DisposeAsync();
    }

    [Theory]
    [InlineData("4.3")]
    [InlineData("3.9")]
    public async Task Leaders_LostAndElected_AsTheToolsSay(string version)
    {
        await KafkaTool.RunAsync(version, "topics", [.. To, "--create", "--topic", "spread", "--replica-assignment", "0:1:2,1:2:0,2:0:1"]);
        await KafkaTool.RunAsync(
            version, "topics", [.. To, "--create", "--topic", "fragile", "--replica-assignment", "1:2", "--config", "min.insync.replicas=2"]);

        await PostAsync("/api/v1/brokers/2/stop");
        await DescribedAsync(version, "--under-replicated-partitions", "fragile-0 spread-0 spread-1 spread-2");
        await DescribedAsync(version, "--under-min-isr-partitions", "fragile-0");
        await DescribedAsync(version, "--unavailable-partitions", "");

        // The last in-sync replica goes, and one that is behind comes back.
        await PostAsync("/api/v1/brokers/1/stop");
        await PostAsync("/api/v1/brokers/2/start");
        await DescribedAsync(version, "--unavailable-partitions", "fragile-0");
        await Until.SeenAsync(
            "the controller has taken broker 2 back", () => Rest.GetAsync(_http, "/api/v1/topics/spread"),
            topic => topic.GetProperty("partitions").EnumerateArray().All(
                p => p.GetProperty("inSyncReplicas").EnumerateArray().Any(r => r.GetInt32() == 2)));
        string[] fragile = ["--topic", "fragile", "--partition", "0"];
        CommandResult refused = await ElectAsync(version, "preferred", fragile);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("PreferredLeaderNotAvailableException", refused.Output + refused.Error, StringComparison.Ordinal);
        Assert.Contains(
            "Successfully completed leader election (UNCLEAN) for partitions fragile-0",
            (await ElectAsync(version, "unclean", fragile)).Succeeded("unclean election"), StringComparison.Ordinal);
        await DescribedAsync(version, "--unavailable-partitions", "");

        await PostAsync("/api/v1/brokers/1/start");
        await DescribedAsync(version, "--under-replicated-partitions", "");
        using ToolFile named = ToolFile.Partitions("spread", 0, 1);
        string elected = (await ElectAsync(version, "preferred", ["--path-to-json-file", named.Path])).Succeeded("preferred election");
        Assert.Contains("Successfully completed leader election (PREFERRED) for partitions spread-1", elected, StringComparison.Ordinal);
        Assert.Contains("Valid replica already elected for partitions spread-0", elected, StringComparison.Ordinal);
        (await ElectAsync(version, "preferred", ["--all-topic-partitions"])).Succeeded("preferred election of all");
        string[] led = [.. (((string, int, int)[])[("spread", 0, 0), ("spread", 1, 1), ("spread", 2, 2), ("fragile", 0, 1)])
            .Select(p => $"{p.Item1}\tPartition: {p.Item2}\tLeader: {p.Item3}")];
        await KafkaTool.UntilAsync(
            said => led.All(l => said.Contains(l, StringComparison.Ordinal)), version, "topics", [.. To, "--describe"]);
        await DeleteAsync(version);
    }

    private async Task DeleteAsync(string version)
    {
        await KafkaTool.RunAsync(version, "topics", [.. To, "--alter", "--topic", "spread", "--partitions", "5"]);
        CommandResult fewer = await KafkaTool.TryAsync(version, "topics", [.. To, "--alter", "--topic", "spread", "--partitions", "4"]);
        Assert.Equal(1, fewer.ExitCode);
        Assert.Contains("InvalidPartitionsException", fewer.Output + fewer.Error, StringComparison.Ordinal);
        await KafkaTool.RunAsync(version, "topics", [.. To, "--delete", "--topic", "spread,fragile"]);
    }

    /// <summary>Waits until kafka-topics lists just these partitions.</summary>
    private Task DescribedAsync(string version, string which, string partitions) =>
        KafkaTool.UntilAsync(said => Partitions(said) == partitions, version, "topics", [.. To, "--describe", which]);

    private Task<CommandResult> ElectAsync(string version, string type, string[] which) =>
        KafkaTool.TryAsync(version, "leader-election", [.. To, "--election-type", type, .. which]);

    private async Task PostAsync(string path)
    {
        using HttpResponseMessage answer = await Rest.PostAsync(_http, path, "");
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Token));
    }

    /// <summary>The partitions that kafka-topics --describe lists.</summary>
    private static string Partitions(string described) => string.Join(' ', described.Split('\n')
        .Where(l => l.Contains("\tPartition: ", StringComparison.Ordinal))
        .Select(l => l.Trim().Split('\t')).Select(f => $"{f[0]["Topic: ".Length..]}-{f[1]["Partition: ".Length..]}").Order(StringComparer.Ordinal));
}
