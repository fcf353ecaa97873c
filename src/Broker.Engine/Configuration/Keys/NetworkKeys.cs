namespace Broker.Engine.Configuration.Keys;

/// <summary>Connections and requests. For the columns see <see cref="KeyTable"/>.</summary>
internal static class NetworkKeys
{
    public const string Table = """
        - connection.failed.authentication.delay.ms | Int | 100 | Low | R | >=0 |  | there is no authentication here
        + connections.max.idle.ms | Long | 600000 | Medium | R |  |  | Milliseconds after which an idle connection is closed.
        - connections.max.reauth.ms | Long | 0 | Medium | R |  |  | there is no authentication here
        + fetch.max.bytes | Int | 57671680 | Medium | R | >=1024 |  | Most bytes that one fetch is answered with.
        + max.connection.creation.rate | Int | 2147483647 | Medium | C | >=0 |  | New connections a second; further ones wait.
        + max.connections | Int | 2147483647 | Medium | C | >=0 |  | Connections that the broker accepts at a time; further ones wait.
        + max.connections.per.ip | Int | 2147483647 | Medium | C | >=0 |  | Connections from one address at a time; further ones are closed.
        + max.connections.per.ip.overrides | String |  | Medium | C |  |  | Exceptions from max.connections.per.ip: address:count, separated by commas.
        + max.incremental.fetch.session.cache.slots | Int | 1000 | Medium | R | >=0 |  | Fetch sessions kept at a time.
        + num.network.threads | Int | 3 | High | R | >=1 |  | Network threads. Unless it is set, there is one for each processor core.
        + queued.max.request.bytes | Long | -1 | Medium | R |  |  | Memory for requests being received; beyond it sockets are not read. Negative for no limit.
        + queued.max.requests | Int | 500 | High | R | >=1 |  | Requests that may wait for a num.io.threads thread; beyond it sockets are not read.
        - socket.connection.setup.timeout.max.ms | Long | 30000 | Medium | R |  |  | what brokers ask each other waits for controller.socket.timeout.ms
        - socket.connection.setup.timeout.ms | Long | 10000 | Medium | R |  |  | what brokers ask each other waits for controller.socket.timeout.ms
        + socket.listen.backlog.size | Int | 50 | Medium | R | >=1 |  | Connections that may wait to be accepted.
        + socket.receive.buffer.bytes | Int | 102400 | High | R |  |  | SO_RCVBUF of connections. Unless it is set, the system decides.
        + socket.request.max.bytes | Int | 104857600 | High | R | >=1 |  | Largest request; a larger one costs its connection.
        + socket.send.buffer.bytes | Int | 102400 | High | R |  |  | SO_SNDBUF of connections. Unless it is set, the system decides.
        """;
}
