using System.Diagnostics;
using System.Globalization;

namespace Simulation.Tests;

/// <summary>Seeds of the simulator: a whole cluster under faults, by simulated time. SIMULATION_SEEDS says how many, SIMULATION_FIRST
/// which comes first.</summary>
public class SeedTests
{
    private const int SeedsDefault = 1000;

    /// <summary>A seed takes less than a tenth of a second; one that has not ended in this time hangs.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Seeds_WithAllFaults_BreakNoInvariant()
    {
        int seeds = Number("SIMULATION_SEEDS", SeedsDefault);
        int first = Number("SIMULATION_FIRST", 1);
        int processes = Math.Min(Environment.ProcessorCount, seeds);
        int each = (seeds + processes - 1) / processes;
        string[] failures = await Task.WhenAll(Enumerable.Range(0, processes).Select(
            i => RunAsync($"{first + (i * each)}..{Math.Min(first + seeds, first + ((i + 1) * each)) - 1}")));
        string all = string.Concat(failures);
        Assert.True(all.Length == 0, all);
    }

    [Fact]
    public async Task Seed_RunTwiceInOneProcessAndInAnother_TakesTheSameCourse()
    {
        string[] failures = await Task.WhenAll(RunAsync("1..6", "--twice"), RunAsync("7..12", "--twice"));
        Assert.True(failures.All(f => f.Length == 0), string.Concat(failures));
        Assert.Equal(await CourseAsync("1..4"), await CourseAsync("1..4"));
    }

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int given) ? given : otherwise;

    private static Process Start(params string[] arguments) => Process.Start(
        new ProcessStartInfo(Path.Combine(Folder(), "Simulation"), arguments) { RedirectStandardOutput = true })!;

    /// <summary>The simulator's folder, which lies beside this project's with the same names below.</summary>
    private static string Folder() => AppContext.BaseDirectory.Replace("Simulation.Tests", "Simulation", StringComparison.Ordinal);

    private static async Task<string> CourseAsync(string range)
    {
        using Process process = Start(range);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        return string.Join('\n', output.Split('\n').Where(l => l.StartsWith("seed ", StringComparison.Ordinal)));
    }

    /// <returns>What the process said of seeds that failed, or nothing.</returns>
    private static async Task<string> RunAsync(params string[] arguments)
    {
        using Process process = Start(arguments);
        var said = new List<string>();
        string last = "";
        while (true)
        {
            Task<string?> reading = process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask();
            try
            {
                last = await reading.WaitAsync(s_patience, TestContext.Current.CancellationToken) ?? "";
            }
            catch (TimeoutException)
            {
                process.Kill();
                return $"the seed after '{last}' hangs; again with: ./sim {arguments[0]}\n";
            }
            if (reading.Result is null)
            {
                break;
            }
            if (!last.StartsWith("seed ", StringComparison.Ordinal) || last.Contains("FAILED", StringComparison.Ordinal))
            {
                said.Add(last);
            }
            else
            {
                TestContext.Current.TestOutputHelper?.WriteLine(last);
            }
        }
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        TestContext.Current.SendDiagnosticMessage(said.Count > 0 ? said[^1] : last);
        return process.ExitCode == 0 ? "" : string.Join('\n', said) + '\n';
    }
}
