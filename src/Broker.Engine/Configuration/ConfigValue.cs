using System.Globalization;

namespace Broker.Engine.Configuration;

/// <summary>From text to value, as Kafka's ConfigDef.parseType reads it.</summary>
internal static class ConfigValue
{
    /// <summary>Reads a value of a key's type.</summary>
    /// <returns>Null, or why the text is none, in Kafka's words.</returns>
    public static string? Parse(ConfigKey key, string? text, out object? value)
    {
        value = null;
        if (text is null)
        {
            return null;
        }
        string trimmed = text.Trim();
        switch (key.Type)
        {
            case ConfigType.Boolean:
                value = trimmed.Equals("true", StringComparison.OrdinalIgnoreCase) ? true
                    : trimmed.Equals("false", StringComparison.OrdinalIgnoreCase) ? false : null;
                return value is null ? Wrong(key, text, "Expected value to be either true or false") : null;
            case ConfigType.Int:
                return Number(int.TryParse(trimmed, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int i), i, key, text, "INT", out value);
            case ConfigType.Short:
                return Number(short.TryParse(trimmed, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out short s), s, key, text, "SHORT", out value);
            case ConfigType.Long:
                return Number(long.TryParse(trimmed, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long l), l, key, text, "LONG", out value);
            case ConfigType.Double:
                return Number(double.TryParse(trimmed, NumberStyles.Float, CultureInfo.InvariantCulture, out double d), d, key, text, "DOUBLE", out value);
            case ConfigType.List:
                value = List(trimmed);
                return null;
            case ConfigType.Password:
                value = text;
                return null;
            default:
                value = trimmed;
                return null;
        }
    }

    /// <summary>A value's text as Kafka shows it once it has read it: without blanks around it, booleans in small letters.</summary>
    public static string Plain(ConfigKey key, string text) => key.Type == ConfigType.Boolean ? text.Trim().ToLowerInvariant() : text.Trim();

    /// <summary>A comma separated list; the empty text is the empty list.</summary>
    public static IReadOnlyList<string> List(string text) =>
        text.Length == 0 ? [] : text.Split(',', StringSplitOptions.TrimEntries);

    private static string? Number(bool ok, object number, ConfigKey key, string text, string type, out object? value)
    {
        value = ok ? number : null;
        return ok ? null : Wrong(key, text, $"Not a number of type {type}");
    }

    private static string Wrong(ConfigKey key, string text, string why) =>
        $"Invalid value {text} for configuration {key.Name}: {why}";
}
