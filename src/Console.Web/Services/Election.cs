using Broker.Engine;
using Broker.Engine.Admin;
using WebConsole.Models;

namespace WebConsole.Services;

/// <summary>Has preferred replicas lead and says how it went. Stateless.</summary>
public static class Election
{
    /// <returns>Whether every partition that was asked for is led by its preferred replica now.</returns>
    public static async Task<bool> RunAsync(IReplicationAdmin admin, Commands commands, IReadOnlyList<TopicPartition>? partitions)
    {
        ElectionOutcome? outcome = null;
        string? refused = await commands.RunAsync(
            () => outcome!.Elected == 0 ? "No leader had to change" : $"{Format.Plural(outcome.Elected, "partition")} went to the preferred leader",
            async token =>
            {
                outcome = await admin.ElectPreferredAsync(partitions, token);
                if (outcome.Failures.Count > 0)
                {
                    ElectionFailure first = outcome.Failures[0];
                    throw new AdminException(
                        first.Error,
                        $"{Format.Plural(outcome.Elected, "partition")} went to the preferred leader; {Format.Count(outcome.Failures.Count)} could not, "
                            + $"the first is {first.Topic}-{first.Partition}: {first.Message ?? first.Error}");
                }
            });
        return refused is null;
    }
}
