namespace Broker.Engine;

/// <summary>What a topic may be called (org.apache.kafka.common.internals.Topic).</summary>
internal static class TopicNameRules
{
    public const int LengthMax = 249;

    /// <summary>Why the name is not allowed, in Kafka's words, or null.</summary>
    public static string? Check(string name)
    {
        if (name.Length == 0)
        {
            return "the empty string is not allowed";
        }
        if (name is "." or "..")
        {
            return $"'{name}' is not allowed";
        }
        if (name.Length > LengthMax)
        {
            return $"the length of '{name}' is longer than the max allowed length {LengthMax}";
        }
        foreach (char c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-'))
            {
                return $"'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
            }
        }
        return null;
    }

    /// <summary>Names whose metrics would be the same: '.' and '_' may not tell two topics apart.</summary>
    public static bool Collide(string left, string right) =>
        left.Replace('.', '_') == right.Replace('.', '_');
}
