using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Broker.Host;

/// <summary>The log on the console, one line an event. Put together by hand: the usual builder sets up a container of
/// services for it, which is a tenth of the time to ready.</summary>
internal static class HostLog
{
    public static ILoggerFactory Create() => new LoggerFactory(
        [new ConsoleLoggerProvider(new Settled<ConsoleLoggerOptions>(new() { FormatterName = LineFormatter.Title }), [new LineFormatter()])],
        Filter());

    private static LoggerFilterOptions Filter() => new()
    {
        MinLevel = LogLevel.Information,
        Rules =
        {
            new LoggerFilterRule(null, "Microsoft", LogLevel.Warning, null),
            // The host says itself, in one line, why it cannot start.
            new LoggerFilterRule(null, "Microsoft.Extensions.Hosting", LogLevel.None, null),
        },
    };

    private sealed class Settled<T>(T value) : IOptionsMonitor<T>
    {
        public T CurrentValue => value;

        public T Get(string? name) => value;

        public IDisposable? OnChange(Action<T, string?> listener) => null;
    }

    private sealed class LineFormatter() : ConsoleFormatter(Title)
    {
        public const string Title = "line";

        public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
        {
            textWriter.Write(DateTime.Now.ToString("yyyy-MM-dd HH:mm:ss.fff ", CultureInfo.InvariantCulture));
            textWriter.Write(Level(logEntry.LogLevel));
            textWriter.Write(logEntry.Category);
            textWriter.Write('[');
            textWriter.Write(logEntry.EventId.Id.ToString(CultureInfo.InvariantCulture));
            textWriter.Write("] ");
            textWriter.Write(OneLine(logEntry.Formatter(logEntry.State, logEntry.Exception)));
            if (logEntry.Exception is { } exception)
            {
                textWriter.Write(' ');
                textWriter.Write(OneLine(exception.ToString()));
            }
            textWriter.Write('\n');
        }

        private static string OneLine(string text) => text.ReplaceLineEndings(" ");

        private static string Level(LogLevel level) => level switch
        {
            LogLevel.Trace => "trce: ",
            LogLevel.Debug => "dbug: ",
            LogLevel.Information => "info: ",
            LogLevel.Warning => "warn: ",
            LogLevel.Error => "fail: ",
            _ => "crit: ",
        };
    }
}
