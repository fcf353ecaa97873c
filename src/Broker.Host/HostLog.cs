using System.Globalization;
using Broker.Engine.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Broker.Host;

/// <summary>The log on the console, one line an event. Put together by hand: the usual builder sets up a container of
/// services for it, which is a tenth of the time to ready.</summary>
internal static class HostLog
{
    public static ILoggerFactory Create(LogLevels levels) => new LoggerFactory(
        [new ConsoleLoggerProvider(new Settled<ConsoleLoggerOptions>(new() { FormatterName = LineFormatter.Title }), [new LineFormatter()])],
        new LoggerFilterOptions
        {
            MinLevel = LogLevel.Trace,
            Rules = { new LoggerFilterRule(null, null, null, (_, logger, level) => levels.IsEnabled(logger, level)) },
        });

    /// <summary>What is written until an operator asks for something else.</summary>
    public static LogLevels Levels() => new(
        LogLevel.Information, new("Microsoft", LogLevel.Warning),
        new("Microsoft.Extensions.Hosting", LogLevel.None));   // the host says itself, in one line, why it cannot start

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
