using Broker.Engine.Admin;

namespace WebConsole.Models;

/// <summary>Sums that are not known in whole: of what some leader does not tell. Stateless and thread-safe.</summary>
public static class Known
{
    /// <param name="sum">What is known of it.</param>
    /// <param name="unknown">How many parts are not in it.</param>
    /// <param name="format">How it is written.</param>
    public static string Text(long sum, int unknown, Func<long, string> format) =>
        unknown == 0 ? format(sum) : sum == 0 ? Format.None : $"≥ {format(sum)}";

    /// <summary>What stands behind it, for the reader who points at it.</summary>
    public static string Title(string exact, int unknown, string part, string? why) => unknown == 0
        ? exact : $"Without {Format.Plural(unknown, part)}. {why}".TrimEnd();

    public static string Title(TopicSummary topic, string exact) => Title(exact, topic.UnknownPartitions, "partition", topic.Unknown);

    /// <summary>Bytes a second that a topic's leaders send; -1 where some are in other hosts, which do not tell.</summary>
    public static double Out(TopicSummary topic) => topic.LedElsewhere == 0 ? topic.Rates.BytesOutPerSec : -1;

    /// <summary>A lag, or what is known of it.</summary>
    public static string Lag(long lag, int unknown) => Text(lag, unknown, l => Format.Count(l));

    public static string? LagTitle(int unknown) =>
        unknown == 0 ? null : $"The end of {Format.Plural(unknown, "partition")} is not known: the leader does not tell";
}
