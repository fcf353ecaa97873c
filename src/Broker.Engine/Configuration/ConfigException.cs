namespace Broker.Engine.Configuration;

/// <summary>A configuration that a broker cannot start with; the message names every problem, one a line.</summary>
public sealed class ConfigException(IReadOnlyList<string> problems) : Exception(string.Join('\n', problems))
{
    public IReadOnlyList<string> Problems { get; } = problems;
}
