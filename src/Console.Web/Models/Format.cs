using System.Globalization;

namespace WebConsole.Models;

/// <summary>
/// How the console writes figures. One place, so that a size or a rate reads the same on every page; exact values stand in
/// the title beside each shortened one. Stateless and thread-safe.
/// </summary>
public static class Format
{
    public const string None = "–";

    private static readonly string[] s_byteUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    private static readonly string[] s_countUnits = ["", "k", "M", "G", "T"];

    /// <summary>Every digit, grouped by three: <c>1,234,567</c>.</summary>
    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>For addresses and attributes.</summary>
    public static string Plain(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Three digits that count: <c>1.23M</c>, <c>84.1k</c>, <c>7</c>.</summary>
    public static string Short(double value)
    {
        double size = Math.Abs(value);
        int unit = 0;
        while (size >= 999.5 && unit < s_countUnits.Length - 1)
        {
            size /= 1000;
            unit++;
        }
        return Three(Math.CopySign(size, value), unit > 0) + s_countUnits[unit];
    }

    /// <summary>Binary units, as the brokers' own keys count: <c>1.00 GiB</c>.</summary>
    public static string Bytes(double value)
    {
        double size = Math.Abs(value);
        int unit = 0;
        while (size >= 1023.5 && unit < s_byteUnits.Length - 1)
        {
            size /= 1024;
            unit++;
        }
        return Three(Math.CopySign(size, value), unit > 0) + " " + s_byteUnits[unit];
    }

    /// <summary>A rate without its unit: one decimal below ten, whole above, shortened from a hundred thousand on.</summary>
    public static string Rate(double perSecond) => perSecond switch
    {
        0 => "0",
        < 0.05 => "<0.1",
        < 9.95 => perSecond.ToString("0.0", CultureInfo.InvariantCulture),
        < 100_000 => perSecond.ToString("N0", CultureInfo.InvariantCulture),
        _ => Short(perSecond),
    };

    public static string BytesRate(double perSecond) =>
        perSecond is > 0 and < 1 ? "<1 B/s" : Bytes(Math.Round(perSecond)) + "/s";

    /// <summary>0 to 1 as a whole percentage; what is not quite all or nothing does not read as such.</summary>
    public static string Percent(double share)
    {
        double percent = share * 100;
        return percent switch
        {
            > 0 and < 0.5 => "<1 %",
            > 99.5 and < 100 => ">99 %",
            _ => percent.ToString("0", CultureInfo.InvariantCulture) + " %",
        };
    }

    /// <summary>The two units that matter: <c>850 ms</c>, <c>12.4 s</c>, <c>4 min 10 s</c>, <c>7 d</c>.</summary>
    public static string Duration(double milliseconds)
    {
        string sign = milliseconds < 0 ? "-" : "";
        double ms = Math.Abs(milliseconds);
        if (ms < 1 && ms > 0)
        {
            return sign + ms.ToString("0.00", CultureInfo.InvariantCulture) + " ms";
        }
        if (ms < 9.95 && ms != Math.Floor(ms))
        {
            return sign + ms.ToString("0.0", CultureInfo.InvariantCulture) + " ms";
        }
        if (ms < 999.5)
        {
            return sign + ms.ToString("0", CultureInfo.InvariantCulture) + " ms";
        }
        if (ms < 59_950)
        {
            return sign + (ms / 1000).ToString("0.#", CultureInfo.InvariantCulture) + " s";
        }
        var span = TimeSpan.FromMilliseconds(Math.Min(ms, TimeSpan.MaxValue.TotalMilliseconds / 2));
        return sign + (span.TotalHours < 1 ? Two(span.Minutes, "min", span.Seconds, "s")
            : span.TotalDays < 1 ? Two(span.Hours, "h", span.Minutes, "min")
            : Two((long)span.TotalDays, "d", span.Hours, "h"));
    }

    public static string Duration(TimeSpan span) => Duration(span.TotalMilliseconds);

    /// <summary>Milliseconds of a latency: two decimals below one, one below ten.</summary>
    public static string Milliseconds(double ms) => ms switch
    {
        < 1 => ms.ToString("0.00", CultureInfo.InvariantCulture),
        < 10 => ms.ToString("0.0", CultureInfo.InvariantCulture),
        _ => ms.ToString("N0", CultureInfo.InvariantCulture),
    };

    public static string Plural(long count, string one, string? many = null) =>
        $"{Count(count)} {(count == 1 ? one : many ?? one + "s")}";

    /// <summary>What a raw configuration value means to a reader, or null when it says so itself.</summary>
    public static string? Meaning(string key, string? value)
    {
        if (!long.TryParse(value, NumberStyles.Integer, CultureInfo.InvariantCulture, out long number))
        {
            return null;
        }
        if (number is -1 or long.MaxValue)
        {
            return key.Contains("retention", StringComparison.Ordinal) || number == long.MaxValue ? "no limit" : null;
        }
        return key switch
        {
            _ when key.EndsWith(".ms", StringComparison.Ordinal) && number >= 1000 => Duration(number),
            _ when key.EndsWith(".hours", StringComparison.Ordinal) && number >= 24 => Duration(number * 3_600_000.0),
            _ when (key.EndsWith(".bytes", StringComparison.Ordinal) || key.EndsWith(".buffer.size", StringComparison.Ordinal))
                && number >= 1024 => Bytes(number),
            _ => null,
        };
    }

    private static string Two(long high, string highUnit, int low, string lowUnit) =>
        low == 0 ? $"{high} {highUnit}" : $"{high} {highUnit} {low} {lowUnit}";

    private static string Three(double size, bool scaled) => (scaled, Math.Abs(size)) switch
    {
        (true, < 9.995) => size.ToString("0.00", CultureInfo.InvariantCulture),
        (true, < 99.95) => size.ToString("0.0", CultureInfo.InvariantCulture),
        (false, < 10) when size != Math.Floor(size) => size.ToString("0.0", CultureInfo.InvariantCulture),
        _ => size.ToString("0", CultureInfo.InvariantCulture),
    };
}
