using Broker.Engine.Admin;

namespace WebConsole.Models;

/// <summary>What the overview shows at one instant. Immutable.</summary>
public sealed record OverviewView(
    ClusterOverview Cluster, IReadOnlyList<BrokerSummary> Brokers, IReadOnlyList<TopicSummary> Topics, IReadOnlyList<GroupSummary> Groups);
