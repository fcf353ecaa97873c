using System.Diagnostics;
using System.Text.Json;

namespace Interop;

/// <summary>A member of a group: franz-go, which prints a record's value a line, until it is told to leave.</summary>
internal sealed class GoConsumer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ProcessOutput _output;

    public GoConsumer(string bootstrap, string topic, string group, string balancer)
    {
        _process = Process.Start(new ProcessStartInfo(
            Repository.Peer("bin", "kgocli"),
            ["-b", bootstrap, "consume", topic, "-g", group, "-balancer", balancer, "-from", "start", "-f", "v=%v\\n"])
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _output = new ProcessOutput(_process);
    }

    /// <summary>Values that have come so far.</summary>
    public string[] Seen =>
        [.. _output.Text.Split('\n').Where(l => l.StartsWith("v=", StringComparison.Ordinal)).Select(l => l[2..])];

    /// <summary>Commits, leaves the group and ends.</summary>
    public async Task LeaveAsync()
    {
        Signals.Interrupt(_process.Id);
        await Until.HoldsAsync("the consumer leaves its group and ends", () => _process.HasExited, () => _output.Tail());
        await _process.WaitForExitAsync();
        Assert.True(_process.ExitCode == 0, _output.Tail());
    }

    /// <summary>Waits until the group is stable and its members have as many partitions as these.</summary>
    public static async Task UntilDealtAsync(HostProcess host, string group, string balancer, params int[] shares)
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        await Until.SeenAsync(
            $"the members of {group} have {string.Join(" and ", shares)} partitions",
            async () =>
            {
                using HttpResponseMessage answer = await http.GetAsync(
                    new Uri($"/api/v1/groups/{group}", UriKind.Relative), TestContext.Current.CancellationToken);
                return (answer.IsSuccessStatusCode, Said: await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            },
            seen => seen.IsSuccessStatusCode && IsDealt(seen.Said, balancer, shares));
    }

    private static bool IsDealt(string said, string balancer, int[] shares)
    {
        using var document = JsonDocument.Parse(said);
        JsonElement summary = document.RootElement.GetProperty("summary");
        return summary.GetProperty("state").GetString() == "Stable" && summary.GetProperty("protocol").GetString() == balancer
            && document.RootElement.GetProperty("members").EnumerateArray()
                .Select(m => m.GetProperty("assignment").GetArrayLength()).SequenceEqual(shares);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }
}
