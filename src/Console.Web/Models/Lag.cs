namespace WebConsole.Models;

/// <summary>When lag is a matter for the operator. Stateless and thread-safe.</summary>
public static class Lag
{
    /// <summary>Records behind from which a group is shown as an alert.</summary>
    public const long Alert = 200_000;

    public static string? Tone(long lag) => lag >= Alert ? "tone-bad" : null;
}
