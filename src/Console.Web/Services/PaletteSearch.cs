using System.Globalization;
using Broker.Engine.Admin;
using WebConsole.Models;

namespace WebConsole.Services;

/// <summary>One thing the palette can do: go somewhere, or toggle something.</summary>
/// <param name="Kind">The heading it stands under.</param>
/// <param name="Text">Its name.</param>
/// <param name="Note">What tells it from its like.</param>
/// <param name="Icon">Its icon.</param>
/// <param name="Href">Where it leads, or null when it is an action.</param>
/// <param name="Action">What it does, or null when it leads somewhere.</param>
public sealed record PaletteItem(string Kind, string Text, string? Note, string Icon, string? Href, PaletteAction? Action = null);

public enum PaletteAction
{
    TogglePause,
    ShowShortcuts,
    LightTheme,
    DarkTheme,
    AutoTheme,
}

/// <summary>Finds pages, actions, topics, groups and brokers by a part of their name. Thread-safe.</summary>
public sealed class PaletteSearch(IClusterAdmin admin)
{
    private const int TopicsMax = 8;
    private const int GroupsMax = 6;

    private static readonly PaletteItem[] s_fixed =
    [
        new("Pages", "Overview", null, "overview", Routes.Overview),
        new("Pages", "Brokers", null, "broker", Routes.Brokers),
        new("Pages", "Cluster-wide broker defaults", null, "broker", Routes.BrokerDefaults),
        new("Pages", "Topics", null, "topic", Routes.Topics),
        new("Pages", "Replication", null, "replica", Routes.Replication),
        new("Pages", "In-sync history", null, "replica", Routes.ReplicationOf("history")),
        new("Pages", "Reassignments", null, "replica", Routes.ReplicationOf("reassignments")),
        new("Pages", "Balance replicas and leaders", null, "replica", Routes.ReplicationOf("balance")),
        new("Pages", "Messages", null, "message", Routes.Messages),
        new("Pages", "Consumer groups", null, "group", Routes.Groups),
        new("Pages", "Segments", null, "segment", Routes.Segments),
        new("Pages", "Timing wheel", null, "wheel", Routes.Timers),
        new("Pages", "Log cleaner", null, "wheel", Routes.Cleaner),
        new("Pages", "REST API", null, "api", Routes.RestApi),
        new("Actions", "Create a topic", null, "plus", Routes.Topics + "?new=topic"),
        new("Actions", "Pause or resume live updates", "Space", "pause", null, PaletteAction.TogglePause),
        new("Actions", "Light theme", null, "sun", null, PaletteAction.LightTheme),
        new("Actions", "Dark theme", null, "moon", null, PaletteAction.DarkTheme),
        new("Actions", "Theme of the system", null, "auto", null, PaletteAction.AutoTheme),
        new("Actions", "Keyboard shortcuts", "?", "keyboard", null, PaletteAction.ShowShortcuts),
    ];

    /// <summary>What matches, things of the cluster first once something has been typed.</summary>
    public IReadOnlyList<PaletteItem> Find(string text)
    {
        text = text.Trim();
        List<PaletteItem> found = [];
        if (text.Length > 0)
        {
            found.AddRange(admin.Topics(new TopicQuery(text, IncludeInternal: true, Take: TopicsMax)).Items.Select(Topic));
            found.AddRange(admin.Groups(new GroupQuery(text, Take: GroupsMax)).Items.Select(Group));
            found.AddRange(admin.Brokers().Where(b => Matches(b, text)).Select(Broker));
        }
        found.AddRange(s_fixed.Where(i => i.Text.Contains(text, StringComparison.OrdinalIgnoreCase)));
        return found;
    }

    private static bool Matches(BrokerSummary broker, string text) =>
        $"broker {broker.Id.ToString(CultureInfo.InvariantCulture)}".Contains(text, StringComparison.OrdinalIgnoreCase)
        || broker.Endpoints.Any(e => e.Contains(text, StringComparison.OrdinalIgnoreCase));

    private static PaletteItem Topic(TopicSummary topic) =>
        new("Topics", topic.Name, Format.Plural(topic.Partitions, "partition"), "topic", Routes.Topic(topic.Name));

    private static PaletteItem Group(GroupSummary group) =>
        new("Consumer groups", group.GroupId, group.State, "group", Routes.Group(group.GroupId));

    private static PaletteItem Broker(BrokerSummary broker) => new(
        "Brokers", $"Broker {broker.Id.ToString(CultureInfo.InvariantCulture)}", broker.Endpoints.FirstOrDefault(), "broker",
        Routes.Broker(broker.Id));
}
