namespace Broker.Engine.Configuration.Keys;

/// <summary>Where a broker listens and what it tells clients. For the columns see <see cref="KeyTable"/>.</summary>
internal static class ListenerKeys
{
    public const string Table = """
        + advertised.host.name | String | ~ | High | R |  |  | Host that clients are told, where advertised.listeners is not set.
        + advertised.listeners | List | ~ | High | R |  |  | What clients are told to connect to, where that differs from listeners.
        + advertised.port | Int | ~ | High | R |  |  | Port that clients are told, where advertised.listeners is not set.
        - control.plane.listener.name | String | ~ | High | R |  |  | the controller uses the first listener
        - early.start.listeners | List | ~ | High | R |  |  | there is no authorizer to wait for
        + host.name | String |  | High | R |  |  | Host to listen on, where listeners is not set.
        - inter.broker.listener.name | String | ~ | Medium | R |  |  | brokers of a host reach each other on their first listener
        - inter.broker.protocol.version | String | 3.9-IV0 | Medium | R |  |  | brokers of a host are of one version
        + listener.security.protocol.map | String | SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT | Low | R |  |  | Security protocol of each listener name; only PLAINTEXT is spoken.
        + listeners | List | PLAINTEXT://:9092 | High | R |  |  | Where the broker listens: NAME://host:port, separated by commas. Ports of further brokers of the host count up. Without it the host listens on 127.0.0.1 only.
        + port | Int | 9092 | High | R |  |  | Port to listen on, where listeners is not set.
        ! security.inter.broker.protocol | String | PLAINTEXT | Medium | R | PLAINTEXT/SSL/SASL_PLAINTEXT/SASL_SSL |  | only PLAINTEXT is spoken
        """;
}
