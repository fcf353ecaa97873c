using System.Collections.Concurrent;
using Broker.Engine.Configuration;
using Broker.Engine.Handlers;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Broker.Engine.Administration;

/// <summary>Makes topics on first use: those that clients ask about, where auto.create.topics.enable allows it, and the
/// coordinators' own. After Kafka's AutoTopicCreationManager. Thread-safe.</summary>
internal sealed partial class AutoTopicCreation(
    TopicAdministration topics, ClusterConfig config, Func<int> liveBrokers, ILogger logger, CancellationToken stopping) : IAutoTopicCreation
{
    private readonly ConcurrentDictionary<string, bool> _inFlight = new(StringComparer.Ordinal);
    private readonly ILogger _logger = logger;

    public ErrorCode Begin(string topic)
    {
        if (topic == InternalTopics.ConsumerOffsets)
        {
            BeginOffsetsTopic();
        }
        else if (config.Current.Bool("auto.create.topics.enable") && !InternalTopics.Contains(topic))
        {
            Start(new TopicPlan { Name = topic });
        }
        return ErrorCode.UnknownTopicOrPartition;
    }

    /// <summary>Makes <c>__consumer_offsets</c>.</summary>
    public void BeginOffsetsTopic() => Start(new TopicPlan
    {
        Name = InternalTopics.ConsumerOffsets,
        Partitions = config.Current.Int("offsets.topic.num.partitions"),
        ReplicationFactor = Math.Clamp(config.Current.Int("offsets.topic.replication.factor"), 1, Math.Max(1, liveBrokers())),
        Config =
        [
            KeyValuePair.Create<string, string?>("cleanup.policy", "compact"),
            KeyValuePair.Create("segment.bytes", config.Current.Text("offsets.topic.segment.bytes")),
            KeyValuePair.Create<string, string?>("compression.type", "producer"),
        ],
    });

    private void Start(TopicPlan plan)
    {
        if (_inFlight.TryAdd(plan.Name, true))
        {
            _ = CreateAsync(plan);
        }
    }

    private async Task CreateAsync(TopicPlan plan)
    {
        try
        {
            MadeTopic made = await topics.CreateAsync(plan, validateOnly: false, stopping).ConfigureAwait(false);
            if (!made.Outcome.IsDone && made.Outcome.Error != ErrorCode.TopicAlreadyExists)
            {
                LogRefused(plan.Name, made.Outcome.Message ?? "");
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogFailed(plan.Name, e.Message);
        }
        finally
        {
            _inFlight.TryRemove(plan.Name, out _);
        }
    }

    [LoggerMessage(6001, LogLevel.Warning, "topic {Topic} could not be made on first use: {Reason}", EventName = "AutoCreationRefused")]
    private partial void LogRefused(string topic, string reason);

    [LoggerMessage(6002, LogLevel.Error, "making topic {Topic} on first use failed: {Reason}", EventName = "AutoCreationFailed")]
    private partial void LogFailed(string topic, string reason);
}
