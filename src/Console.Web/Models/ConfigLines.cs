namespace WebConsole.Models;

/// <summary>Reads <c>key=value</c> lines as an operator types them; empty lines and lines that start with # say nothing.
/// Stateless and thread-safe.</summary>
public static class ConfigLines
{
    public static bool TryRead(string text, out Dictionary<string, string> config, out string? wrong)
    {
        config = new Dictionary<string, string>(StringComparer.Ordinal);
        wrong = null;
        foreach (string raw in text.Split('\n'))
        {
            string line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? line : line[..equals].Trim();
            if (equals < 1 || key.Length == 0)
            {
                wrong = $"“{line}” is not key=value";
                return false;
            }
            if (!config.TryAdd(key, line[(equals + 1)..].Trim()))
            {
                wrong = $"{key} is given twice";
                return false;
            }
        }
        return true;
    }
}
