using Broker.Engine.Admin;
using Broker.Engine.Admin.Hosted.Replicas;
using Broker.Engine.Metadata;
using static Broker.Engine.Tests.Admin.ImageSketch;

namespace Broker.Engine.Tests.Admin;

/// <summary>The history of in-sync replicas: who left, why, and when they were back.</summary>
public sealed class IsrJournalTests
{
    private static readonly DateTimeOffset s_begin = DateTimeOffset.UnixEpoch;

    private readonly Dictionary<(int Broker, bool Joined), string> _said = [];

    private IsrJournal NewJournal(int eventsMax = 100) => new((_, broker, joined) => _said.GetValueOrDefault((broker, joined)), eventsMax);

    private static void Observe(IsrJournal journal, int second, MetadataImage image) => journal.Observe(image, s_begin.AddSeconds(second));

    private static MetadataImage At(int[] brokers, int leader, int[] inSync, int epoch = 0, int version = 0, int[]? replicas = null) =>
        Image(brokers, ("a", [Partition(leader, inSync, replicas ?? [0, 1, 2], epoch, version)]));

    [Fact]
    public void Observe_TheFirstPicture_IsNoEvent()
    {
        IsrJournal journal = NewJournal();
        Observe(journal, 0, At([0, 1, 2], 0, [0, 1]));
        Assert.Equal(0, journal.Read(new IsrQuery()).Total);
    }

    [Fact]
    public void Observe_AReplicaThatFellBehind_HasTheLeadersWord_AndComesBack()
    {
        IsrJournal journal = NewJournal();
        _said[(2, false)] = "not caught up for 31000 ms: at offset 5 of 9";
        Observe(journal, 0, At([0, 1, 2], 0, [0, 1, 2]));
        Observe(journal, 1, At([0, 1, 2], 0, [0, 1], version: 1));
        IsrEvent left = Assert.Single(journal.Read(new IsrQuery("a")).Items);
        Assert.Equal(
            (IsrEventKind.Left, 2, "not caught up for 31000 ms: at offset 5 of 9", null, s_begin.AddSeconds(1)),
            (left.Kind, left.BrokerId, left.Cause, left.BackAt, left.At));
        Assert.Equal(left.Cause, journal.Departure("a", 0, [0, 1, 2], [0, 1])?.Cause);
        Observe(journal, 7, At([0, 1, 2], 0, [0, 1, 2], version: 2));
        IsrEvent[] both = [.. journal.Read(new IsrQuery("a")).Items];
        Assert.Equal([IsrEventKind.Joined, IsrEventKind.Left], both.Select(e => e.Kind));
        Assert.Equal((s_begin.AddSeconds(7), "caught up with the leader"), (both[1].BackAt, both[0].Cause));
        Assert.Null(journal.Departure("a", 0, [0, 1, 2], [0, 1, 2]));
    }

    [Fact]
    public void Observe_ABrokerThatDies_IsTheCauseOfDepartureAndElection()
    {
        IsrJournal journal = NewJournal();
        Observe(journal, 0, At([0, 1, 2], 0, [0, 1, 2]));
        Observe(journal, 1, At([1, 2], 1, [1, 2], epoch: 1, version: 1));
        IsrEvent[] events = [.. journal.Read(new IsrQuery("a")).Items];
        Assert.Equal([(IsrEventKind.Leader, 1), (IsrEventKind.Left, 0)], events.Select(e => (e.Kind, e.BrokerId)));
        Assert.All(events, e => Assert.Equal("broker 0 left the cluster", e.Cause));
    }

    [Fact]
    public void Observe_AFollowerThatTheControllerTakesOut_IsABrokerThatShutsDown()
    {
        IsrJournal journal = NewJournal();
        _said[(1, false)] = "an older word of the leader";
        Observe(journal, 0, At([0, 1, 2], 0, [0, 1, 2]));
        Observe(journal, 1, At([0, 1, 2], 0, [0, 2], epoch: 1));
        Assert.Equal("broker 1 shut down", Assert.Single(journal.Read(new IsrQuery("a")).Items).Cause);
    }

    [Fact]
    public void Observe_LeadersThatChange_TellsTheKindOfElection()
    {
        IsrJournal journal = NewJournal();
        Observe(journal, 0, At([0, 1, 2], 1, [0, 1]));
        Observe(journal, 1, At([0, 1, 2], 0, [0, 1], epoch: 1));
        Observe(journal, 2, At([0, 1, 2], -1, [0, 1], epoch: 2));
        Observe(journal, 3, At([0, 1, 2], 2, [2], epoch: 3));
        Observe(journal, 4, At([0, 1, 2], 1, [1], epoch: 4));
        Assert.Equal(
            ["broker 2 handed over and shut down", "unclean election: it was not in sync", "no in-sync replica is left", "preferred leader elected"],
            journal.Read(new IsrQuery("a", Kind: IsrEventKind.Leader)).Items.Select(e => e.Cause));
    }

    [Fact]
    public void Observe_AnOlderPictureOfAnotherBroker_ChangesNothing()
    {
        IsrJournal journal = NewJournal();
        Observe(journal, 0, At([0, 1, 2], 0, [0, 1, 2], version: 4));
        Observe(journal, 1, At([0, 1, 2], 0, [0, 1], version: 5));
        Observe(journal, 2, At([0, 1, 2], 0, [0, 1, 2], version: 4));
        Observe(journal, 3, At([0, 1, 2], 0, [0, 1], version: 5));
        Assert.Equal(1, journal.Read(new IsrQuery()).Total);
    }

    [Fact]
    public void Read_OfManyPartitionsAtOnce_IsOneLine_BackWhenAllAre()
    {
        IsrJournal journal = NewJournal();
        PartitionImage[] Of(int[] inSync, int version) => [.. Enumerable.Range(0, 5).Select(_ => Partition(0, inSync, [0, 1], version: version))];
        Observe(journal, 0, Image([0, 1], ("a", Of([0, 1], 0)), ("b", Of([0, 1], 0))));
        Observe(journal, 1, Image([0], ("a", Of([0], 1)), ("b", Of([0], 1))));
        Assert.Equal((10, null), (journal.Read(new IsrQuery()).Items[0].Partitions, journal.Read(new IsrQuery()).Items[0].BackAt));
        Observe(journal, 2, Image([0, 1], ("a", Of([0, 1], 2)), ("b", Of([0], 1))));
        Assert.Null(journal.Read(new IsrQuery(Kind: IsrEventKind.Left)).Items[0].BackAt);
        Observe(journal, 3, Image([0, 1], ("a", Of([0, 1], 2)), ("b", Of([0, 1], 2))));
        Assert.Equal(s_begin.AddSeconds(3), journal.Read(new IsrQuery(Kind: IsrEventKind.Left)).Items[0].BackAt);
        Assert.Equal(5, journal.Read(new IsrQuery("a", Kind: IsrEventKind.Left)).Total);
    }

    [Fact]
    public void Observe_MoreThanTheLimit_ForgetsTheOldest()
    {
        IsrJournal journal = NewJournal(eventsMax: 3);
        for (int i = 0; i < 6; i++)
        {
            Observe(journal, i, At([0, 1, 2], i % 2, [0, 1, 2], epoch: i));
        }
        Assert.Equal([5, 4, 3], journal.Read(new IsrQuery("a")).Items.Select(e => e.LeaderEpoch));
    }
}
