namespace Broker.Engine.Admin;

/// <summary>Metrics of the brokers of this host in the forms that monitoring reads. Thread-safe.</summary>
public interface IMetricsDoor
{
    /// <summary>The Prometheus text exposition (version 0.0.4) of all metrics, labelled by broker where there are several.</summary>
    void WritePrometheus(Stream destination);

    /// <summary>MBeans whose object name matches a JMX query (<c>kafka.server:type=BrokerTopicMetrics,name=*</c>), as JSON
    /// in the form of Hadoop's and Kafka's JMX servlets: <c>{"beans":[{"name":...,"modelerType":..., attributes}]}</c>.</summary>
    /// <param name="query">A JMX object name pattern; null or empty for all.</param>
    /// <param name="brokerId">One broker, or null for all.</param>
    /// <param name="destination">Where the JSON goes.</param>
    void WriteJmx(string? query, int? brokerId, Stream destination);
}
