using System.Text;

namespace Broker.Protocol.Messages;

/// <summary>Names of error codes as Kafka's tools print them.</summary>
public static class ErrorCodes
{
    private static readonly Dictionary<ErrorCode, string> s_names =
        Enum.GetValues<ErrorCode>().ToDictionary(code => code, code => ToUpperSnake(code.ToString()));

    /// <summary>Kafka's name: <c>NOT_LEADER_OR_FOLLOWER</c>.</summary>
    public static string Name(this ErrorCode code) =>
        s_names.TryGetValue(code, out string? name) ? name : $"UNKNOWN_ERROR_{(short)code}";

    private static string ToUpperSnake(string pascal)
    {
        var text = new StringBuilder(pascal.Length + 8);
        foreach (char c in pascal)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('_');
            }
            text.Append(char.ToUpperInvariant(c));
        }
        return text.ToString();
    }
}
