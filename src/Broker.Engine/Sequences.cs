namespace Broker.Engine;

/// <summary>What requests are looked over for. Stateless.</summary>
internal static class Sequences
{
    /// <summary>The items that come more than once, in the order of their first coming.</summary>
    public static HashSet<T> Repeated<T>(this IEnumerable<T> items) =>
        [.. items.GroupBy(i => i).Where(g => g.Skip(1).Any()).Select(g => g.Key)];
}
