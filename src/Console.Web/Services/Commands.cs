using Broker.Engine.Admin;
using Radzen;

namespace WebConsole.Services;

/// <summary>
/// Carries out what the operator asked for and says how it went. A refusal is shown with Kafka's name of the error and kept
/// on the screen; a command still running after <see cref="TimeoutMs"/> is given up. One per circuit.
/// </summary>
public sealed class Commands(NotificationService notifications, TimeProvider time)
{
    public const int TimeoutMs = 30_000;
    private const int DoneMs = 4_000;
    private const int RefusedMs = 12_000;

    /// <param name="done">What to say when it went well.</param>
    /// <param name="command">The command.</param>
    /// <returns>Null when it went well, else what to tell the operator beside the control.</returns>
    public Task<string?> RunAsync(string done, Func<CancellationToken, Task> command) => RunAsync(() => done, command);

    /// <param name="done">What to say when it went well, once it has.</param>
    /// <param name="command">The command.</param>
    /// <returns>Null when it went well, else what to tell the operator beside the control.</returns>
    public async Task<string?> RunAsync(Func<string> done, Func<CancellationToken, Task> command)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromMilliseconds(TimeoutMs), time);
        try
        {
            await command(timeout.Token);
            notifications.Notify(NotificationSeverity.Success, done(), duration: DoneMs);
            return null;
        }
        catch (AdminException refusal)
        {
            return Refused(refusal.Error, refusal.Message);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            return Refused("REQUEST_TIMED_OUT", $"No answer within {TimeoutMs / 1000} s. It may still be carried out.");
        }
    }

    public void Say(string text) => notifications.Notify(NotificationSeverity.Info, text, duration: DoneMs);

    private string Refused(string error, string message)
    {
        notifications.Notify(NotificationSeverity.Error, error, message, RefusedMs);
        return $"{error}: {message}";
    }
}
