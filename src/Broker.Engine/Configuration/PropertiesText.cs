using System.Globalization;
using System.Text;

namespace Broker.Engine.Configuration;

/// <summary>Reads the text of a Java properties file as java.util.Properties does: comments, the three separators, line
/// continuation and escapes. Stateless.</summary>
internal static class PropertiesText
{
    /// <summary>The pairs in the order of the text; a key that comes twice appears twice.</summary>
    public static List<KeyValuePair<string, string>> Parse(string text)
    {
        var pairs = new List<KeyValuePair<string, string>>();
        foreach (string line in LogicalLines(text))
        {
            int at = 0;
            string key = Unescape(line, ref at, toSeparator: true);
            while (at < line.Length && IsBlank(line[at]))
            {
                at++;
            }
            if (at < line.Length && line[at] is '=' or ':')
            {
                at++;
            }
            while (at < line.Length && IsBlank(line[at]))
            {
                at++;
            }
            pairs.Add(KeyValuePair.Create(key, Unescape(line, ref at, toSeparator: false)));
        }
        return pairs;
    }

    private static IEnumerable<string> LogicalLines(string text)
    {
        var joined = new StringBuilder();
        bool continues = false;
        foreach (string raw in text.Split('\n'))
        {
            string line = raw.TrimEnd('\r').TrimStart(' ', '\t', '\f');
            if (!continues && (line.Length == 0 || line[0] is '#' or '!'))
            {
                continue;
            }
            int slashes = line.Length - line.TrimEnd('\\').Length;
            continues = slashes % 2 == 1;
            joined.Append(continues ? line[..^1] : line);
            if (!continues)
            {
                yield return joined.ToString();
                joined.Clear();
            }
        }
        if (joined.Length > 0)
        {
            yield return joined.ToString();
        }
    }

    private static string Unescape(string line, ref int at, bool toSeparator)
    {
        var text = new StringBuilder();
        for (; at < line.Length; at++)
        {
            char c = line[at];
            if (c == '\\' && at + 1 < line.Length)
            {
                text.Append(Escaped(line, ref at));
            }
            else if (toSeparator && (c is '=' or ':' || IsBlank(c)))
            {
                break;
            }
            else
            {
                text.Append(c);
            }
        }
        return text.ToString();
    }

    private static char Escaped(string line, ref int at)
    {
        char c = line[++at];
        if (c == 'u' && at + 4 < line.Length
            && ushort.TryParse(line.AsSpan(at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort code))
        {
            at += 4;
            return (char)code;
        }
        return c switch
        {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\f',
            _ => c,
        };
    }

    private static bool IsBlank(char c) => c is ' ' or '\t' or '\f';
}
