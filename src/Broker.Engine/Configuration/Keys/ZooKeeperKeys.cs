namespace Broker.Engine.Configuration.Keys;

/// <summary>ZooKeeper. For the columns see <see cref="KeyTable"/>.</summary>
internal static class ZooKeeperKeys
{
    public const string Table = """
        - zookeeper.clientCnxnSocket | String | ~ | Medium | R |  |  | the client of ZooKeeper is the broker's own
        + zookeeper.connect | String | ~ | High | R |  |  | The ZooKeeper servers that keep the cluster's state, host:port[,host:port]/path; without it the host keeps it itself.
        + zookeeper.connection.timeout.ms | Int | ~ | High | R | >=1 | zookeeper.session.timeout.ms | Milliseconds within which a ZooKeeper server must be reached at the start.
        + zookeeper.max.in.flight.requests | Int | 10 | High | R | >=1 |  | Requests to ZooKeeper that are sent before the first is answered.
        - zookeeper.metadata.migration.enable | Boolean | false | High | R |  |  | there is no KRaft to migrate to
        - zookeeper.metadata.migration.min.batch.size | Int | 200 | Medium | R | >=1 |  | there is no KRaft to migrate to
        + zookeeper.sasl.client.jaas.config | Password | ~ | Medium | R |  |  | Name and password for ZooKeeper, as a line of JAAS: org.apache.zookeeper.server.auth.DigestLoginModule required username="..." password="...";
        + zookeeper.server.4lw.commands.whitelist | List | ruok,srvr,stat,mntr,conf,cons,dump,envi,isro,wchs | Low | R |  |  | Words of four letters that the served tree answers; * for all.
        + zookeeper.server.host | String | 127.0.0.1 | Medium | R | nonempty |  | Address on which the host's own tree is served by ZooKeeper's protocol.
        + zookeeper.server.max.client.cnxns | Int | 60 | Low | R | >=0 |  | Connections to the served tree from one address; 0 without limit.
        + zookeeper.server.port | Int | -1 | Medium | R | -1..65535 |  | Port on which the host's own tree is served by ZooKeeper's protocol; -1 for none.
        + zookeeper.server.super.digest | Password | ~ | Low | R |  |  | user:digest of who may do everything on the served tree, whatever the access lists say, as ZooKeeper's zookeeper.DigestAuthenticationProvider.superDigest.
        + zookeeper.session.timeout.ms | Int | 18000 | High | R | >=1 |  | Milliseconds after which a broker that is not heard of loses its registration.
        + zookeeper.set.acl | Boolean | false | High | R |  |  | Whether nodes in ZooKeeper are made so that only the brokers' own user may change them.
        - zookeeper.ssl.cipher.suites | List | ~ | Low | R |  |  | the system's TLS chooses them
        + zookeeper.ssl.client.enable | Boolean | false | Medium | R |  |  | Whether ZooKeeper is reached over TLS.
        + zookeeper.ssl.crl.enable | Boolean | false | Low | R |  |  | Whether the revocation of a ZooKeeper server's certificate is checked.
        + zookeeper.ssl.enabled.protocols | List | ~ | Low | R | TLSv1.2/TLSv1.3 |  | Versions of TLS for ZooKeeper; without it the one of zookeeper.ssl.protocol.
        + zookeeper.ssl.endpoint.identification.algorithm | String | HTTPS | Low | R |  |  | HTTPS checks that a ZooKeeper server's certificate names its host; empty does not.
        + zookeeper.ssl.keystore.location | String | ~ | Medium | R |  |  | File with the key and certificate for ZooKeeper, PKCS12 or PEM.
        + zookeeper.ssl.keystore.password | Password | ~ | Medium | R |  |  | Its password.
        + zookeeper.ssl.keystore.type | String | ~ | Medium | R |  |  | PKCS12 or PEM; without it the file's name decides.
        - zookeeper.ssl.ocsp.enable | Boolean | false | Low | R |  |  | the system's TLS decides how revocation is checked
        + zookeeper.ssl.protocol | String | TLSv1.2 | Low | R | TLSv1.2/TLSv1.3 |  | Version of TLS for ZooKeeper.
        + zookeeper.ssl.truststore.location | String | ~ | Medium | R |  |  | File with the certificates that ZooKeeper servers are trusted by, PKCS12 or PEM; without it the system's.
        + zookeeper.ssl.truststore.password | Password | ~ | Medium | R |  |  | Its password.
        + zookeeper.ssl.truststore.type | String | ~ | Medium | R |  |  | PKCS12 or PEM; without it the file's name decides.
        - zookeeper.sync.time.ms | Int | 2000 | Low | R |  |  | it has had no effect in Kafka either
        """;
}
