using System.Globalization;
using Broker.Engine.Diagnostics;
using Broker.Protocol.Messages;

namespace Broker.Engine.Administration;

/// <summary>Changes the levels of a broker's loggers; nothing of it is kept. Checks and words follow Kafka's
/// RuntimeLoggerManager. Thread-safe.</summary>
internal sealed class LoggerAdministration(int brokerId, LogLevels levels)
{
    /// <summary>Loggers of single brokers begin like this.</summary>
    public const string BrokerLogger = "Broker.";

    /// <summary>The loggers of this broker, and those that the host's brokers share.</summary>
    public IEnumerable<(string Logger, string Level)> Loggers =>
        levels.All().Where(l => !l.Logger.StartsWith(BrokerLogger, StringComparison.Ordinal) || l.Logger == $"{BrokerLogger}{brokerId}");

    public Outcome Edit(string broker, IReadOnlyList<ConfigEdit> edits, bool validateOnly)
    {
        if (!int.TryParse(broker, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int id))
        {
            return Outcome.Refused(ErrorCode.InvalidRequest, $"Node id must be an integer, but it is: {broker}");
        }
        if (id != brokerId)
        {
            return Outcome.Refused(ErrorCode.InvalidRequest, $"Unexpected node id. Expected {brokerId}, but received {id}");
        }
        foreach (ConfigEdit edit in edits)
        {
            if (Check(edit) is { IsDone: false } wrong)
            {
                return wrong;
            }
        }
        foreach (ConfigEdit edit in validateOnly ? [] : edits)
        {
            levels.Set(edit.Name, edit.Operation == ConfigOperation.Delete ? null : edit.Value);
        }
        return Outcome.Done;
    }

    private Outcome Check(ConfigEdit edit) => edit.Operation switch
    {
        ConfigOperation.Append or ConfigOperation.Subtract => Outcome.Refused(
            ErrorCode.InvalidRequest,
            $"{edit.Operation.ToString().ToUpperInvariant()} operation is not allowed for the BROKER_LOGGER resource"),
        not (ConfigOperation.Set or ConfigOperation.Delete) => Outcome.Refused(
            ErrorCode.InvalidRequest, $"Unknown operation type {(int)edit.Operation} is not allowed for the BROKER_LOGGER resource"),
        _ when !levels.Exists(edit.Name) => Outcome.Refused(ErrorCode.InvalidConfig, $"Logger {edit.Name} does not exist!"),
        ConfigOperation.Set when !LogLevels.Names.Contains(edit.Value) => Outcome.Refused(
            ErrorCode.InvalidConfig,
            $"Cannot set the log level of {edit.Name} to {edit.Value} as it is not a supported log level. "
                + $"Valid log levels are {string.Join(", ", LogLevels.Names)}"),
        ConfigOperation.Delete when edit.Name == LogLevels.Root => Outcome.Refused(
            ErrorCode.InvalidRequest, $"Removing the log level of the {LogLevels.Root} logger is not allowed"),
        _ => Outcome.Done,
    };
}
