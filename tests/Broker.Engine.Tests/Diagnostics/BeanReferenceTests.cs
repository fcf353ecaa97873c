using System.Text.RegularExpressions;

namespace Broker.Engine.Tests.Diagnostics;

/// <summary>What /jmx of a live broker gives, held against the MBeans of Kafka 4.3 and of Kafka 3.9 in ZooKeeper mode.</summary>
public sealed class BeanReferenceTests(MetricsFixture fixture) : IClassFixture<MetricsFixture>
{
    private static readonly string[] s_files = ["mbeans-kafka-4.3.txt", "mbeans-kafka-3.9-zookeeper.txt"];

    /// <summary>Beans of functions that this broker does not have; beginnings of their names.</summary>
    private static readonly (string Begin, string Why)[] s_absent =
    [
        ("kafka:type=kafka.Log4jController", "there is no log4j"),
        ("kafka.coordinator.transaction:", "no transactions"), ("kafka.server:type=AddPartitionsTo", "no transactions"),
        ("kafka.server:type=AddPartitionsManager", "no transactions"), ("kafka.server:type=transaction-coordinator-metrics", "no transactions"),
        ("kafka.server:type=txn-marker-channel-metrics", "no transactions"), ("kafka.server:type=ReplicaManager,name=PartitionsWithLate", "no transactions"),
        ("kafka.server:type=Share", "no share groups"), ("kafka.server:type=share-", "no share groups"), ("kafka.server:type=Persister", "no share groups"),
        ("kafka.server:type=BrokerTopicMetrics,name=FailedShare", "no share groups"), ("kafka.server:type=BrokerTopicMetrics,name=TotalShare", "no share groups"),
        ("kafka.server:type=DelayedOperationPurgatory,name=NumDelayedOperations,delayedOperation=ShareFetch", "no share groups"),
        ("kafka.server:type=DelayedOperationPurgatory,name=PurgatorySize,delayedOperation=ShareFetch", "no share groups"),
        ("kafka.server:type=DelayedOperationPurgatory,name=NumDelayedOperations,delayedOperation=Remote", "no remote storage"),
        ("kafka.server:type=DelayedOperationPurgatory,name=PurgatorySize,delayedOperation=Remote", "no remote storage"),
        ("kafka.server:type=DelayedOperationPurgatory,name=NumDelayedOperations,delayedOperation=AlterAcls", "no ACLs"),
        ("kafka.server:type=DelayedOperationPurgatory,name=PurgatorySize,delayedOperation=AlterAcls", "no ACLs"),
        ("kafka.server:type=DelayedOperationPurgatory,name=NumDelayedOperations,delayedOperation=ElectLeader", "no ElectLeaders"),
        ("kafka.server:type=DelayedOperationPurgatory,name=PurgatorySize,delayedOperation=ElectLeader", "no ElectLeaders"),
        ("kafka.server:type=ControllerMutation", "no quotas"), ("kafka.server:type=Fetch", "no quotas"), ("kafka.server:type=Produce", "no quotas"),
        ("kafka.server:type=Request", "no quotas"),
        ("kafka.server:type=client-metrics", "no client telemetry"),
        ("kafka.log:type=LogManager,name=Cordoned", "no cordoned directories"), ("kafka.log:type=LogManager,name=LogDirectoryCordoned", "no cordoned directories"),
        ("kafka.server:type=raft-", "no KRaft"), ("kafka.server:type=AssignmentsManager", "no KRaft"), ("kafka.server:type=BrokerMetadataListener", "no KRaft"),
        ("kafka.server:type=ControllerServer", "no KRaft"), ("kafka.server:type=ForwardingManager", "no KRaft"), ("kafka.server:type=SnapshotEmitter", "no KRaft"),
        ("kafka.server:type=broker-metadata-metrics", "no KRaft"), ("kafka.server:type=node-metrics", "no KRaft"),
        ("kafka.server:type=directory-assignments-metrics", "no KRaft"), ("kafka.server:type=heartbeat-metrics", "no KRaft"),
        ("kafka.server:type=registration-metrics", "no KRaft"), ("kafka.server:type=app-info,client-id=", "no KRaft"),
        ("kafka.server:type=MetadataLoader,name=AvgIdleRatio", "no KRaft"), ("kafka.server:type=MetadataLoader,name=CurrentMetadataVersion", "no KRaft"),
        ("kafka.server:type=MetadataLoader,name=FinalizedLevel", "no KRaft"), ("kafka.server:type=MetadataLoader,name=HandleLoadSnapshotCount", "no KRaft"),
        ("kafka.server:type=KafkaRequestHandlerPool,name=ControllerRequest", "no KRaft"),
        ("kafka.controller:type=ControllerStats,name=ElectionFromEligible", "no KRaft"),
        ("kafka.controller:type=KafkaController,name=BrokerRegistrationState", "no KRaft"),
        ("kafka.controller:type=KafkaController,name=ControlledShutdownBrokerCount", "no KRaft"),
        ("kafka.controller:type=KafkaController,name=EventQueueOperations", "no KRaft"), ("kafka.controller:type=KafkaController,name=Ignored", "no KRaft"),
        ("kafka.controller:type=KafkaController,name=Last", "no KRaft"), ("kafka.controller:type=KafkaController,name=MetadataErrorCount", "no KRaft"),
        ("kafka.controller:type=KafkaController,name=NewActiveControllersCount", "no KRaft"),
        ("kafka.controller:type=KafkaController,name=TimeSinceLastHeartbeat", "no KRaft"), ("kafka.controller:type=KafkaController,name=TimedOut", "no KRaft"),
        ("kafka.controller:type=KafkaController,name=ZkMigrationState", "no migration to KRaft"),
        ("kafka.server:type=alter-partition-metrics", "no other broker's answers to wait for"),
        ("kafka.server:type=forwarding-metrics", "no forwarding"), ("kafka.server:type=controller-channel-metrics", "its line is not Kafka's client"),
        ("kafka.server:type=SessionExpireListener", "no ZooKeeper client"), ("kafka.server:type=ZooKeeperClientMetrics", "no ZooKeeper client"),
        ("kafka.network:type=SocketServer,name=ControlPlane", "no control plane listener"),
        ("kafka.server:type=group-coordinator-metrics,protocol=consumer", "classic groups only"),
        ("kafka.server:type=group-coordinator-metrics,protocol=share", "classic groups only"),
        ("kafka.server:type=group-coordinator-metrics,protocol=streams", "classic groups only"),
        ("kafka.server:type=group-coordinator-metrics,state=Assigning", "classic groups only"),
        ("kafka.server:type=group-coordinator-metrics,state=Dead", "classic groups only"),
        ("kafka.server:type=group-coordinator-metrics,state=Empty", "classic groups only"),
        ("kafka.server:type=group-coordinator-metrics,state=NotReady", "classic groups only"),
        ("kafka.server:type=group-coordinator-metrics,state=Reconciling", "classic groups only"),
        ("kafka.server:type=group-coordinator-metrics,state=Stable", "classic groups only"),
    ];

    /// <summary>Attributes of Kafka 4's group coordinator that tell of its own event loop, its batches, or groups of other kinds.</summary>
    private static readonly Regex s_absentAttributes = new(
        "^(background|batch|event|thread)-|^(consumer|share|streams)-group-rebalance-", RegexOptions.CultureInvariant);

    private static bool IsAbsent(string name) => Array.Exists(s_absent, a => name.StartsWith(a.Begin, StringComparison.Ordinal)
        && (a.Begin is not ("kafka.server:type=Fetch" or "kafka.server:type=Produce" or "kafka.server:type=Request") || name.Length == a.Begin.Length));

    [Theory]
    [InlineData("mbeans-kafka-4.3.txt")]
    [InlineData("mbeans-kafka-3.9-zookeeper.txt")]
    public async Task Jmx_OfALiveBroker_HasEveryBeanAndAttributeOfKafka(string file)
    {
        BeanReference reference = BeanReference.Read(file);
        Dictionary<string, string[]> beans = BeanReference.Parse(await fixture.JmxAsync());
        List<string> wrong = [];
        foreach ((string name, string[] attributes) in reference.Beans.Where(b => !IsAbsent(b.Name)))
        {
            Regex expression = BeanReference.Expression(name);
            string[] found = [.. beans.Keys.Where(k => expression.IsMatch(k))];
            if (found.Length == 0)
            {
                wrong.Add($"{name} is not there");
            }
            foreach (string bean in found)
            {
                wrong.AddRange(attributes.Where(a => !s_absentAttributes.IsMatch(a)).Except(beans[bean]).Select(a => $"{bean} has no {a}"));
            }
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public async Task Jmx_OfALiveBroker_HasNothingThatKafkaHasNot()
    {
        List<(Regex Expression, string[] Attributes)> known =
            [.. s_files.SelectMany(f => BeanReference.Read(f).Beans).Select(b => (BeanReference.Expression(b.Name), b.Attributes))];
        List<string> wrong = [];
        foreach ((string name, string[] attributes) in BeanReference.Parse(await fixture.JmxAsync()))
        {
            // By topic, Kafka has every meter; the reference's broker had marked some.
            string of = name.StartsWith("kafka.server:type=BrokerTopicMetrics", StringComparison.Ordinal) ? Regex.Replace(name, ",topic=.*", "") : name;
            HashSet<string> allowed = [.. known.Where(k => k.Expression.IsMatch(of)).SelectMany(k => k.Attributes)];
            wrong.AddRange(allowed.Count == 0 ? [$"Kafka has no {name}"] : attributes.Except(allowed).Select(a => $"Kafka's {name} has no {a}"));
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }
}
