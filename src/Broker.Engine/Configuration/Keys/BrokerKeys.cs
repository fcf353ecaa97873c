namespace Broker.Engine.Configuration.Keys;

/// <summary>The broker itself, and the topics it makes. For the columns see <see cref="KeyTable"/>.</summary>
internal static class BrokerKeys
{
    public const string Table = """
        ! alter.config.policy.class.name | Class | ~ | Low | R |  |  | Java classes cannot be loaded, and ignoring a policy would allow what it forbids
        + auto.create.topics.enable | Boolean | true | High | R |  |  | Whether topics are made when a client first asks for them.
        - background.threads | Int | 10 | High | C | >=1 |  | periodic work runs on the I/O threads
        - broker.heartbeat.interval.ms | Int | 2000 | Medium | R |  |  | a broker is alive while its session is: zookeeper.session.timeout.ms
        + broker.id | Int | -1 | High | R |  |  | The broker's number. With several brokers in a host it is the first one's; the others count up.
        - broker.id.generation.enable | Boolean | true | Medium | R |  |  | ids are counted up from broker.id
        + broker.rack | String | ~ | Medium | R |  |  | The rack of the broker: replicas of a partition are placed on different racks.
        - broker.session.timeout.ms | Int | 9000 | Medium | R |  |  | a broker is alive while its session is: zookeeper.session.timeout.ms
        - config.providers | List |  | Low | C |  |  | values are taken as they stand
        + controlled.shutdown.enable | Boolean | true | Medium | R |  |  | Whether a broker hands its leaderships over before it stops.
        + controlled.shutdown.max.retries | Int | 3 | Medium | R |  |  | How often a broker that stops asks the controller to take its leaderships.
        + controlled.shutdown.retry.backoff.ms | Long | 5000 | Medium | R |  |  | Milliseconds between two of these requests where leaderships are left that others could take.
        ! create.topic.policy.class.name | Class | ~ | Low | R |  |  | Java classes cannot be loaded, and ignoring a policy would allow what it forbids
        + default.replication.factor | Int | 1 | Medium | R |  |  | Replicas of a partition of a topic that is made without a count.
        + delete.topic.enable | Boolean | true | High | R |  |  | Whether topics may be deleted.
        - initial.broker.registration.timeout.ms | Int | 60000 | Medium | R |  |  | a broker registers at once
        + max.request.partition.size.limit | Int | 2000 | Medium | R | >=1 |  | Most partitions that one DescribeTopicPartitions is answered with.
        + node.id | Int | ~ | High | R | >=0 | broker.id | Another name of broker.id.
        + num.io.threads | Int | 8 | High | C | >=1 |  | Threads for everything that may block: requests other than produce and fetch, flushing, rolling, deleting.
        + num.partitions | Int | 1 | Medium | R | >=1 |  | Partitions of a topic that is made without a count.
        ! process.roles | List | ~ | High | R | broker/controller |  | the brokers of this host are their own controllers; KRaft roles do not exist here
        - request.timeout.ms | Int | 30000 | High | R |  |  | what brokers ask each other waits for controller.socket.timeout.ms
        - reserved.broker.max.id | Int | 1000 | Medium | R | >=0 |  | ids are counted up from broker.id
        - server.max.startup.time.ms | Long | 9223372036854775807 | Medium | R | >=0 |  | a broker registers at once
        - unstable.api.versions.enable | Boolean | false | High | R |  |  | only stable API versions are served
        - unstable.feature.versions.enable | Boolean | false | High | R |  |  | only stable API versions are served
        """;
}
