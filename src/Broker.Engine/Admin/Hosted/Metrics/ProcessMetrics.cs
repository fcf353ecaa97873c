using System.Diagnostics;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>Figures of the process under the names that Prometheus' own clients give them, and of the runtime. Stateless.</summary>
internal static class ProcessMetrics
{
    public static void Write(Utf8Text text, DateTimeOffset startedAt)
    {
        using var process = Process.GetCurrentProcess();
        Counter("process_cpu_seconds_total", "User and system time", process.TotalProcessorTime.TotalSeconds);
        Gauge("process_resident_memory_bytes", "Resident memory", process.WorkingSet64);
        Gauge("process_virtual_memory_bytes", "Virtual memory", process.VirtualMemorySize64);
        Gauge("process_start_time_seconds", "Start, in seconds since 1970", startedAt.ToUnixTimeMilliseconds() / 1000.0);
        Gauge("process_threads", "Threads", process.Threads.Count);
        Gauge("process_open_fds", "Open file descriptors", process.HandleCount);
        Gauge("dotnet_gc_heap_bytes", "Managed memory in use", GC.GetTotalMemory(forceFullCollection: false));
        Gauge("dotnet_gc_committed_bytes", "Managed memory committed", GC.GetGCMemoryInfo().TotalCommittedBytes);
        Counter("dotnet_gc_allocated_bytes_total", "Managed memory allocated", GC.GetTotalAllocatedBytes(precise: false));
        Counter("dotnet_gc_pause_seconds_total", "Time that collections stopped all threads", GC.GetTotalPauseDuration().TotalSeconds);
        PrometheusSink.Head(text, "dotnet_gc_collections_total", "Collections of a generation or a younger one", "counter");
        for (int generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            text.Add("dotnet_gc_collections_total{generation=\""u8).Add((long)generation).Add("\"} "u8)
                .Add((long)GC.CollectionCount(generation)).Add("\n"u8);
        }
        Gauge("dotnet_threadpool_threads", "Threads of the pool", ThreadPool.ThreadCount);
        Gauge("dotnet_threadpool_queue_length", "Work that waits for the pool", ThreadPool.PendingWorkItemCount);

        void Gauge(string name, string help, double value) => One(name, help, "gauge", value);
        void Counter(string name, string help, double value) => One(name, help, "counter", value);
        void One(string name, string help, string type, double value)
        {
            PrometheusSink.Head(text, name, help, type);
            text.Add(name).Add(" "u8).Add(value).Add("\n"u8);
        }
    }
}
