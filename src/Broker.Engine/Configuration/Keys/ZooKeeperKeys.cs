namespace Broker.Engine.Configuration.Keys;

/// <summary>ZooKeeper. For the columns see <see cref="KeyTable"/>.</summary>
internal static class ZooKeeperKeys
{
    public const string Table = """
        - zookeeper.clientCnxnSocket | String | ~ | Medium | R |  |  | there is no ZooKeeper client here
        ! zookeeper.connect | String | ~ | High | R |  |  | this host keeps the cluster's state in its own coordination store; a ZooKeeper ensemble is not supported
        - zookeeper.connection.timeout.ms | Int | ~ | High | R |  |  | there is no ZooKeeper client here
        - zookeeper.max.in.flight.requests | Int | 10 | High | R | >=1 |  | there is no ZooKeeper client here
        - zookeeper.metadata.migration.enable | Boolean | false | High | R |  |  | there is no ZooKeeper client here
        - zookeeper.metadata.migration.min.batch.size | Int | 200 | Medium | R | >=1 |  | there is no ZooKeeper client here
        + zookeeper.session.timeout.ms | Int | 18000 | High | R |  |  | Milliseconds after which a broker that is not heard of loses its registration.
        - zookeeper.set.acl | Boolean | false | High | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.cipher.suites | List | ~ | Low | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.client.enable | Boolean | false | Medium | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.crl.enable | Boolean | false | Low | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.enabled.protocols | List | ~ | Low | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.endpoint.identification.algorithm | String | HTTPS | Low | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.keystore.location | String | ~ | Medium | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.keystore.password | Password | ~ | Medium | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.keystore.type | String | ~ | Medium | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.ocsp.enable | Boolean | false | Low | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.protocol | String | TLSv1.2 | Low | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.truststore.location | String | ~ | Medium | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.truststore.password | Password | ~ | Medium | R |  |  | there is no ZooKeeper client here
        - zookeeper.ssl.truststore.type | String | ~ | Medium | R |  |  | there is no ZooKeeper client here
        - zookeeper.sync.time.ms | Int | 2000 | Low | R |  |  | there is no ZooKeeper client here
        """;
}
