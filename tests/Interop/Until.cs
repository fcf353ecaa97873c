using System.Collections;

namespace Interop;

/// <summary>Waits for what is to come true. Where it does not come, the failure says what was waited for and what was seen last.</summary>
internal static class Until
{
    private const int Seconds = 60;
    private const int TextMax = 4_000;

    /// <summary>Looks until what is seen is what is waited for.</summary>
    /// <param name="what">The condition, for a reader of the failure.</param>
    /// <param name="look">Looks once.</param>
    /// <param name="isIt">Whether that is it.</param>
    /// <param name="seconds">How long it may take on a machine that is slow and busy.</param>
    /// <param name="pauseMs">Between two looks.</param>
    /// <returns>What was seen.</returns>
    public static async Task<T> SeenAsync<T>(string what, Func<Task<T>> look, Func<T, bool> isIt, int seconds = Seconds, int pauseMs = 50)
    {
        long end = Environment.TickCount64 + (seconds * 1_000L);
        while (true)
        {
            T seen = await look();
            if (isIt(seen))
            {
                return seen;
            }
            Assert.True(Environment.TickCount64 < end, $"not within {seconds} s: {what}; last seen: {Text(seen)}");
            await Task.Delay(pauseMs, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Looks until the value is there.</summary>
    public static Task<T> EqualAsync<T>(T expected, string what, Func<Task<T>> look, int seconds = Seconds, int pauseMs = 50) => SeenAsync(
        $"{what}: {Text(expected)}", look,
        seen => seen is IEnumerable and not string
            ? ((IEnumerable)seen).Cast<object>().SequenceEqual(((IEnumerable)expected!).Cast<object>()) : Equals(seen, expected),
        seconds, pauseMs);

    /// <summary>Looks until it holds; <paramref name="saw"/> tells a reader of the failure what else was there.</summary>
    public static Task HoldsAsync(string what, Func<bool> holds, Func<string>? saw = null, int seconds = Seconds, int pauseMs = 20) => SeenAsync(
        what, () => Task.FromResult((Holds: holds(), Saw: saw?.Invoke() ?? "")), seen => seen.Holds, seconds, pauseMs);

    private static string Text(object? seen)
    {
        string text = seen switch
        {
            null => "nothing",
            string said => said,
            IEnumerable many => $"[{string.Join(", ", many.Cast<object?>().Select(Text))}]",
            _ => seen.ToString() ?? "",
        };
        return text.Length > TextMax ? "..." + text[^TextMax..] : text;
    }
}
