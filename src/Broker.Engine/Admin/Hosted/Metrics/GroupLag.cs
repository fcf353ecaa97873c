using Broker.Engine.Groups;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>
/// Offsets and lag by group, topic and partition, under kafka_exporter's names. A lag is the high watermark less the committed
/// offset, read in this order - the commit first - so that it is exact as of the second reading and never negative; a
/// partition without a commit has none, nor has one whose leader is in another host and does not tell; what it told is of the last
/// seconds. Stateless.
/// </summary>
internal static class GroupLag
{
    private readonly record struct Line(string Group, TopicPartition Partition, long Offset, long HighWatermark)
    {
        public long? Lag => HighWatermark < 0 ? null : Math.Max(0, HighWatermark - Offset);
    }

    public static void Write(Utf8Text text, IReadOnlyList<BrokerServer> brokers, Func<TopicPartition, long> endElsewhere)
    {
        List<(string Group, int Members)> groups = [];
        List<Line> lines = Read(brokers, groups, endElsewhere);
        PrometheusSink.Head(text, "kafka_brokers", "Brokers in the cluster", "gauge");
        text.Add("kafka_brokers "u8).Add((long)(brokers.Count == 0 ? 0 : brokers.Max(b => b.Metadata.Current.Brokers.Count))).Add("\n"u8);
        Head("kafka_consumergroup_members", "Members of a consumer group", groups.Count);
        foreach ((string group, int members) in groups)
        {
            text.Add("kafka_consumergroup_members{consumergroup=\""u8).AddEscaped(group).Add("\"} "u8).Add((long)members).Add("\n"u8);
        }
        Head("kafka_consumergroup_current_offset", "Committed offset of a group in a partition", lines.Count);
        lines.ForEach(l => Partition(text, "kafka_consumergroup_current_offset", l).Add(l.Offset).Add("\n"u8));
        List<Line> known = lines.FindAll(l => l.Lag is not null);
        Head("kafka_consumergroup_lag", "Records of a partition that a group has not committed", known.Count);
        known.ForEach(l => Partition(text, "kafka_consumergroup_lag", l).Add(l.Lag!.Value).Add("\n"u8));
        Head("kafka_consumergroup_current_offset_sum", "Committed offsets of a group in a topic", lines.Count);
        Sums(text, "kafka_consumergroup_current_offset_sum", lines, l => l.Offset);
        Head("kafka_consumergroup_lag_sum", "Records of a topic that a group has not committed", known.Count);
        Sums(text, "kafka_consumergroup_lag_sum", known, l => l.Lag!.Value);

        void Head(string name, string help, int count)
        {
            if (count > 0)
            {
                PrometheusSink.Head(text, name, help, "gauge");
            }
        }
    }

    private static List<Line> Read(
        IReadOnlyList<BrokerServer> brokers, List<(string, int)> groups, Func<TopicPartition, long> endElsewhere)
    {
        List<Line> lines = [];
        foreach (ClassicGroup group in brokers.SelectMany(b => b.Groups.EachGroup))
        {
            List<(TopicPartition Partition, long Offset)> committed = [];
            lock (group.Lock)
            {
                groups.Add((group.GroupId, group.Count));
                foreach ((TopicPartition partition, CommittedOffset offset) in group.Offsets)
                {
                    committed.Add((partition, offset.Offset));
                }
            }
            committed.ForEach(c => lines.Add(new Line(group.GroupId, c.Partition, c.Offset, HighWatermark(brokers, c.Partition, endElsewhere))));
        }
        return lines;
    }

    private static long HighWatermark(IReadOnlyList<BrokerServer> brokers, TopicPartition id, Func<TopicPartition, long> endElsewhere)
    {
        foreach (BrokerServer broker in brokers)
        {
            if (broker.Replicas.Partitions.Find(id) is { Role.IsLeader: true } partition)
            {
                return partition.HighWatermark;
            }
        }
        return endElsewhere(id);
    }

    private static Utf8Text Topic(Utf8Text text, string name, string group, string topic) =>
        text.Add(name).Add("{consumergroup=\""u8).AddEscaped(group).Add("\",topic=\""u8).AddEscaped(topic);

    private static Utf8Text Partition(Utf8Text text, string name, in Line line) =>
        Topic(text, name, line.Group, line.Partition.Topic).Add("\",partition=\""u8).Add((long)line.Partition.Partition).Add("\"} "u8);

    private static void Sums(Utf8Text text, string name, List<Line> lines, Func<Line, long> value)
    {
        foreach (IGrouping<(string Group, string Topic), Line> sum in lines.GroupBy(l => (l.Group, l.Partition.Topic)))
        {
            Topic(text, name, sum.Key.Group, sum.Key.Topic).Add("\"} "u8).Add(sum.Sum(value)).Add("\n"u8);
        }
    }
}
