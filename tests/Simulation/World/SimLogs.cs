using Microsoft.Extensions.Logging;

namespace Simulation.World;

/// <summary>The log of one process, as lines of the trace.</summary>
internal sealed class SimLogs(SimWorld world, SimProcess process, LogLevel least) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new Logger(this);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    private sealed class Logger(SimLogs logs) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= logs.Least;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= logs.Least)
            {
                logs.Write(logLevel, formatter(state, exception), exception);
            }
        }
    }

    private LogLevel Least => least;

    /// <summary>Called with every error that a living process logs.</summary>
    public Action<string, Exception?>? OnError { get; init; }

    private void Write(LogLevel level, string text, Exception? exception)
    {
        if (process.IsDead)
        {
            return;   // the last words of a process that is killed are not heard
        }
        string error = exception is null ? "" : $" {exception.GetType().Name}: {exception.Message}";
        world.Log($"{process.Name} {level}: {text}{error}");
        if (level >= LogLevel.Error && !process.HasFailedDisk)
        {
            OnError?.Invoke(text + error, exception);
        }
    }
}
