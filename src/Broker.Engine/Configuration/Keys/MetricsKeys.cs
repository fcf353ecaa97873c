namespace Broker.Engine.Configuration.Keys;

/// <summary>Metrics, reporters and quotas. For the columns see <see cref="KeyTable"/>.</summary>
internal static class MetricsKeys
{
    public const string Table = """
        - auto.include.jmx.reporter | Boolean | true | Low | R |  |  | metrics are read over HTTP; there are no reporter classes
        - client.quota.callback.class | Class | ~ | Low | R |  |  | Java classes cannot be loaded
        - kafka.metrics.polling.interval.secs | Int | 10 | Low | R | >=1 |  | metrics are read over HTTP; there are no reporter classes
        - kafka.metrics.reporters | List |  | Low | R |  |  | metrics are read over HTTP; there are no reporter classes
        - metric.reporters | List | org.apache.kafka.common.metrics.JmxReporter | Low | C |  |  | metrics are read over HTTP; there are no reporter classes
        - metrics.num.samples | Int | 2 | Low | R | >=1 |  | metrics are read over HTTP; there are no reporter classes
        - metrics.recording.level | String | INFO | Low | R |  |  | metrics are read over HTTP; there are no reporter classes
        - metrics.sample.window.ms | Long | 30000 | Low | R | >=1 |  | metrics are read over HTTP; there are no reporter classes
        - quota.consumer.default | Long | 9223372036854775807 | High | R | >=1 |  | clients are not throttled
        - quota.producer.default | Long | 9223372036854775807 | High | R | >=1 |  | clients are not throttled
        - quota.window.num | Int | 11 | Low | R | >=1 |  | clients are not throttled
        - quota.window.size.seconds | Int | 1 | Low | R | >=1 |  | clients are not throttled
        - telemetry.max.bytes | Int | 1048576 | Low | R | >=1 |  | client telemetry is not collected
        """;
}
