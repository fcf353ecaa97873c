using System.Diagnostics;
using System.Globalization;
using Simulation;

// The pool has one thread, and the simulation runs on it: nothing runs beside it, and all in one order.
if (!ThreadPool.SetMinThreads(1, 1) || !ThreadPool.SetMaxThreads(1, 1))
{
    Console.Error.WriteLine("the thread pool cannot be held to one thread");
    return 2;
}
Command? command = Command.Parse(args);
if (command is null)
{
    Console.Error.WriteLine("usage: sim SEED [--trace FILE] | sim FIRST..LAST [--twice]");
    return 2;
}
using var ended = new ManualResetEventSlim();
int failed = 0;
ThreadPool.UnsafeQueueUserWorkItem(
    _ => command.RunAsync().ContinueWith(
        t =>
        {
            failed = t.IsCompletedSuccessfully ? t.Result : 1;
            if (t.Exception is { } e)
            {
                Console.WriteLine(e);
            }
            ended.Set();
        },
        CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default),
    null);
ended.Wait();
return failed == 0 ? 0 : 1;
