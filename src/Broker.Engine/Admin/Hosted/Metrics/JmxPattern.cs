using System.Buffers;
using System.Globalization;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>
/// An object name or pattern of JMX (javax.management.ObjectName): <c>domain:key=value,...</c>. The order of the keys does not
/// matter; <c>*</c> and <c>?</c> stand for characters of the domain and of values, <c>*</c> among the keys for further ones.
/// Immutable; thread-safe.
/// </summary>
internal sealed class JmxPattern
{
    private static readonly SearchValues<char> s_special = SearchValues.Create(",=:\"*?\n\\");

    private readonly string _domain;
    private readonly List<(string Key, string Value)> _keys = [];
    private readonly bool _more;

    /// <param name="text">What was asked for; empty for everything.</param>
    /// <exception cref="AdminException">INVALID_REQUEST: it is no object name.</exception>
    public JmxPattern(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            (_domain, _more) = ("*", true);
            return;
        }
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
        {
            throw Malformed(text, "a domain and a colon come first");
        }
        _domain = text[..colon];
        string list = text[(colon + 1)..];
        if (list.Length == 0 || _domain.Contains('\n', StringComparison.Ordinal))
        {
            throw Malformed(text, list.Length == 0 ? "it has no keys" : "its domain has a line's end");
        }
        foreach (string part in Parts(list))
        {
            if (part == "*")
            {
                if (_more)
                {
                    throw Malformed(text, "it says * for further keys twice");
                }
                _more = true;
                continue;
            }
            _keys.Add(KeyOf(text, part));
        }
    }

    private static AdminException Malformed(string text, string why) =>
        new("INVALID_REQUEST", $"'{text}' is not a JMX object name or pattern: {why}.");

    /// <summary>Splits at commas, but not within quotes.</summary>
    private static List<string> Parts(string list)
    {
        List<string> parts = [];
        int start = 0;
        bool quoted = false;
        for (int i = 0; i < list.Length; i++)
        {
            if (list[i] == '\\' && quoted)
            {
                i++;
            }
            else if (list[i] == '"')
            {
                quoted = !quoted;
            }
            else if (list[i] == ',' && !quoted)
            {
                parts.Add(list[start..i]);
                start = i + 1;
            }
        }
        parts.Add(list[start..]);
        return parts;
    }

    private (string Key, string Value) KeyOf(string text, string part)
    {
        int equals = part.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            throw Malformed(text, $"'{part}' is no key=value");
        }
        (string key, string value) = (part[..equals], part[(equals + 1)..]);
        if (key.AsSpan().IndexOfAny(":*?\n") >= 0)
        {
            throw Malformed(text, $"the key '{key}' has a character that keys may not have");
        }
        bool isQuoted = value.StartsWith('"');
        if (isQuoted ? value.Length < 2 || !value.EndsWith('"') : value.AsSpan().IndexOfAny("=:\"\n") >= 0 || value.Length == 0)
        {
            throw Malformed(text, $"the value of '{key}' is not a value");
        }
        if (_keys.Exists(k => k.Key == key))
        {
            throw Malformed(text, $"it has the key '{key}' twice");
        }
        return (key, value);
    }

    /// <summary>Whether beans of a family can match: its tags are not looked at.</summary>
    public bool MayMatch(BeanFamily family)
    {
        if (!Matches(_domain, family.Domain))
        {
            return false;
        }
        foreach ((string key, string value) in _keys)
        {
            if ((key == "type" && !Matches(value, family.Type)) || (key == "name" && !Matches(value, family.Name ?? "")))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Whether a bean of a family that <see cref="MayMatch"/> matches.</summary>
    public bool Matches(BeanFamily family, in Tags tags)
    {
        int count = tags.Count + (family.Name is null ? 1 : 2);
        if (_more ? _keys.Count > count : _keys.Count != count)
        {
            return false;
        }
        foreach ((string key, string value) in _keys)
        {
            if (key == "type" || (key == "name" && family.Name is not null))
            {
                continue;
            }
            if (!Matches(key, value, tags))
            {
                return false;
            }
        }
        return true;
    }

    private static bool Matches(string key, string pattern, in Tags tags)
    {
        Span<char> digits = stackalloc char[16];
        for (int i = 0; i < tags.Count; i++)
        {
            Tag tag = tags[i];
            if (tag.Key != key)
            {
                continue;
            }
            if (tag.Text is { } text)
            {
                return Matches(pattern, Quoted(text));
            }
            tag.Number.TryFormat(digits, out int written, default, CultureInfo.InvariantCulture);
            return Matches(pattern, digits[..written]);
        }
        return false;
    }

    /// <summary>A value as it stands in an object name: quoted where it has characters of the syntax (Kafka's Sanitizer).</summary>
    public static string Quoted(string value)
    {
        if (value.AsSpan().IndexOfAny(s_special) < 0)
        {
            return value;
        }
        string escaped = value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("*", "\\*", StringComparison.Ordinal).Replace("?", "\\?", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return $"\"{escaped}\"";
    }

    /// <summary>Wildcards: * for any characters, ? for one; a backslash takes their meaning from them.</summary>
    private static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        int star = -1;
        int retry = 0;
        int p = 0;
        int t = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                retry = t;
            }
            else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == text[t]))
            {
                // An escape is the same two characters on both sides.
                int step = pattern[p] == '\\' && p + 1 < pattern.Length && t + 1 < text.Length && pattern[p + 1] == text[t + 1] ? 2 : 1;
                p += step;
                t += step;
            }
            else if (star >= 0)
            {
                p = star + 1;
                t = ++retry;
            }
            else
            {
                return false;
            }
        }
        while (p < pattern.Length && pattern[p] == '*')
        {
            p++;
        }
        return p == pattern.Length;
    }
}
