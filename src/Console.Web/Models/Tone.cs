using Broker.Engine.Admin;

namespace WebConsole.Models;

/// <summary>Which of the four tones (ok, warn, bad, quiet) a state has. Stateless and thread-safe.</summary>
public static class Tone
{
    public const string Ok = "ok";
    public const string Warn = "warn";
    public const string Bad = "bad";
    public const string Quiet = "quiet";
    public const string Busy = "busy";

    public static string Of(HealthLevel level) => level switch
    {
        HealthLevel.Healthy => Ok,
        HealthLevel.Degraded => Warn,
        _ => Bad,
    };

    public static string Of(BrokerState state) => state switch
    {
        BrokerState.Running => Ok,
        BrokerState.Failed or BrokerState.Absent => Bad,
        BrokerState.Silent => Warn,
        BrokerState.Stopped => Quiet,
        _ => Busy,
    };

    /// <summary>CMAK's thresholds for shares that should be small: skew.</summary>
    public static string? OfSkew(int percent) => percent >= 34 ? Bad : percent >= 1 ? Warn : null;

    /// <summary>CMAK's thresholds for shares that should be great: spread, preferred leaders.</summary>
    public static string? OfShare(int percent) => percent <= 50 ? Bad : percent <= 75 ? Warn : null;

    /// <param name="state">Kafka's name of a group's state.</param>
    public static string OfGroup(string state) => state switch
    {
        "Stable" => Ok,
        "PreparingRebalance" or "CompletingRebalance" => Busy,
        "Dead" => Bad,
        _ => Quiet,
    };

    public static string Of(CrcState state) => state switch
    {
        CrcState.Valid => Ok,
        CrcState.Wrong => Bad,
        _ => Quiet,
    };
}
