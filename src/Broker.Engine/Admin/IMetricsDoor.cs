namespace Broker.Engine.Admin;

/// <summary>Metrics of the brokers of this host in the forms that monitoring reads. Thread-safe.</summary>
public interface IMetricsDoor
{
    /// <summary>The Prometheus text exposition (version 0.0.4) of all metrics, each labelled by its broker.</summary>
    Task WritePrometheusAsync(Stream destination, CancellationToken cancellationToken);

    /// <summary>MBeans whose object name matches a JMX query (<c>kafka.server:type=BrokerTopicMetrics,name=*</c>), as JSON
    /// in the form of the common JMX servlets: <c>{"beans":[{"name":..., attributes}]}</c>.</summary>
    /// <param name="query">A JMX object name pattern; null or empty for all.</param>
    /// <param name="brokerId">One broker, or null for all.</param>
    /// <param name="destination">Where the JSON goes.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="AdminException">INVALID_REQUEST: the query is no pattern; nothing is written then.</exception>
    Task WriteJmxAsync(string? query, int? brokerId, Stream destination, CancellationToken cancellationToken);
}
