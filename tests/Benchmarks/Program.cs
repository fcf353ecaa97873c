using Benchmarks;

// Benchmarks of parts that need no broker; ./bench measures the whole.
switch (args.FirstOrDefault())
{
    case "timers":
        TimerBenchmark.Run();
        return 0;
    default:
        Console.Error.WriteLine("usage: Benchmarks timers");
        return 2;
}
