using Broker.Engine.Configuration;

namespace Broker.Engine.Controller;

/// <summary>What a controller goes by. Thread-safe.</summary>
/// <param name="config">The broker's configuration.</param>
/// <param name="random">For ids of topics that have none.</param>
internal sealed class ControllerSetup(ClusterConfig config, Random random)
{
    private const string UncleanKey = "unclean.leader.election.enable";

    /// <summary>Whether balance is kept (auto.leader.rebalance.enable).</summary>
    public bool Balances => config.Static.Bool("auto.leader.rebalance.enable");

    public TimeSpan BalanceInterval => TimeSpan.FromSeconds(Math.Min(config.Static.Long("leader.imbalance.check.interval.seconds"), 4_000_000));

    public int ImbalancePercentage => config.Static.Int("leader.imbalance.per.broker.percentage");

    public Guid NewTopicId()
    {
        lock (random)
        {
            return Uuids.New(random);
        }
    }

    public bool DeletesTopics() => config.Current.Bool("delete.topic.enable");

    public bool AllowsUncleanByDefault => config.Current.Bool(UncleanKey);

    /// <summary>Whether a replica that is not in sync may lead a partition of a topic.</summary>
    public bool AllowsUnclean(string topic) => config.Topic(topic).TryGetValue(UncleanKey, out string? own)
        ? bool.Parse(own) : AllowsUncleanByDefault;
}
