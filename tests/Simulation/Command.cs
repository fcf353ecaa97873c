using System.Diagnostics;
using System.Globalization;
using Simulation.World;

namespace Simulation;

/// <summary>What the command line asks for: one seed, told at length, or many. Not thread-safe.</summary>
internal sealed class Command
{
    private const int TailLines = 60;

    public ulong First { get; private init; }

    public ulong Last { get; private init; }

    /// <summary>Whether each seed runs twice, to see that it is the same.</summary>
    public bool Twice { get; private init; }

    /// <summary>Where the whole trace goes.</summary>
    public string? TraceFile { get; private init; }

    public static Command? Parse(string[] args)
    {
        ulong first = 0;
        ulong last = 0;
        string[] range = args.Length > 0 ? args[0].Split("..") : [];
        if (range.Length is not (1 or 2) || !ulong.TryParse(range[0], CultureInfo.InvariantCulture, out first)
            || !ulong.TryParse(range[^1], CultureInfo.InvariantCulture, out last))
        {
            return null;
        }
        int trace = Array.IndexOf(args, "--trace");
        return new Command
        {
            First = first,
            Last = last,
            Twice = args.Contains("--twice"),
            TraceFile = trace > 0 && trace + 1 < args.Length ? args[trace + 1] : null,
        };
    }

    /// <returns>How many seeds failed.</returns>
    public async Task<int> RunAsync()
    {
        long began = Stopwatch.GetTimestamp();
        TimeSpan worked = Environment.CpuUsage.TotalTime;
        int failed = 0;
        long steps = 0;
        long cleanings = 0;
        for (ulong seed = First; seed <= Last; seed++)
        {
            Console.Write($"seed {seed} ");
            Outcome outcome = await new Scenario(seed, TraceFile is not null).RunAsync();
            steps += outcome.Steps;
            cleanings += outcome.Cleanings;
            Console.WriteLine(
                $"{outcome.Hash:x16} {outcome.Steps} steps, {outcome.Acknowledged} records acknowledged, {outcome.Read} read, " +
                $"{outcome.LostWithAcks1} lost with acks=1, unread {outcome.UnreadMsMax:0} ms");
            if (outcome.Failure is not null)
            {
                failed++;
                Tell(TraceFile is not null ? outcome : await new Scenario(seed, keepsTrace: true).RunAsync());
            }
            if (Twice)
            {
                Outcome again = await new Scenario(seed, TraceFile is not null).RunAsync();
                if (again.Hash != outcome.Hash || again.Steps != outcome.Steps)
                {
                    failed++;
                    Console.WriteLine($"seed {seed} took another course the second time: {outcome.Steps} and {again.Steps} steps");
                    Write(again, TraceFile + ".2");
                }
            }
            Write(outcome, TraceFile);
        }
        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        ulong seeds = Last - First + 1;
        double cpuMs = (Environment.CpuUsage.TotalTime - worked).TotalMilliseconds / seeds;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{seeds} seeds, {failed} failed, {steps} steps, {cleanings} cleaned logs, {seconds:0.0} s, {seeds / seconds:0.00} seeds/s, " +
            $"{cpuMs:0.0} ms of processor each"));
        return failed;
    }

    private static void Write(Outcome outcome, string? file)
    {
        if (file is { Length: > 2 })
        {
            File.WriteAllLines(file, outcome.Trace.Lines);
        }
    }

    private static void Tell(Outcome outcome)
    {
        Console.WriteLine($"seed {outcome.Seed} FAILED: {outcome.Failure}");
        foreach (string line in outcome.Trace.Lines.TakeLast(TailLines))
        {
            Console.WriteLine("    " + line);
        }
        Console.WriteLine($"again with: ./sim {outcome.Seed}");
    }
}
