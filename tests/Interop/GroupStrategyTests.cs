using System.Diagnostics;
using System.Text.Json;

namespace Interop;

/// <summary>Consumers of franz-go share four partitions by each of the strategies that clients bring, and share them anew when
/// one of them is gone.</summary>
public sealed class GroupStrategyTests(SharedHost host) : IClassFixture<SharedHost>
{
    private const int DeadlineMs = 80_000;

    private static readonly string[] s_strategies = ["range", "roundrobin", "sticky", "cooperative-sticky"];

    [Fact]
    public async Task Partitions_AreSharedByEveryStrategy_AndSharedAnewWhenAMemberLeaves() =>
        await Task.WhenAll(s_strategies.Select(ShareAsync));

    private async Task ShareAsync(string strategy)
    {
        string go = Repository.Peer("bin", "kgocli");
        string topic = SharedHost.NewTopic(strategy);
        (await Command.RunAsync(go, ["-b", host.Bootstrap, "topic-create", topic, "-p", "4", "-r", "1"])).Succeeded("topic-create");
        string[] arguments = ["-b", host.Bootstrap, "consume", topic, "-g", topic, "-balancer", strategy, "-n", "1000", "-timeout"];
        using Process one = Start(go, [.. arguments, "100s"]);
        using Process two = Start(go, [.. arguments, "20s"]);   // then it leaves
        try
        {
            await UntilDealtAsync(topic, strategy, [2, 2]);
            await UntilDealtAsync(topic, strategy, [4]);
        }
        finally
        {
            one.Kill();
            if (!two.HasExited)
            {
                two.Kill();
            }
        }
    }

    private static Process Start(string file, string[] arguments)
    {
        Process process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private async Task UntilDealtAsync(string group, string strategy, int[] shares)
    {
        using var http = new HttpClient { BaseAddress = host.Host.Http };
        long end = Environment.TickCount64 + DeadlineMs;
        while (true)
        {
            using HttpResponseMessage answer = await http.GetAsync(new Uri($"/api/v1/groups/{group}", UriKind.Relative), TestContext.Current.CancellationToken);
            string text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            if (answer.IsSuccessStatusCode)
            {
                using var document = JsonDocument.Parse(text);
                JsonElement summary = document.RootElement.GetProperty("summary");
                int[] dealt = [.. document.RootElement.GetProperty("members").EnumerateArray().Select(m => m.GetProperty("assignment").GetArrayLength())];
                if (summary.GetProperty("state").GetString() == "Stable" && dealt.SequenceEqual(shares))
                {
                    Assert.Equal(strategy, summary.GetProperty("protocol").GetString());
                    return;
                }
            }
            Assert.True(Environment.TickCount64 < end, $"the group was never dealt {string.Join(", ", shares)}: {text}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
