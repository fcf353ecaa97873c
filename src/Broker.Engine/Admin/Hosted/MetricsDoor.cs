using System.Text.Json;
using Broker.Engine.Admin.Hosted.Metrics;

namespace Broker.Engine.Admin.Hosted;

/// <summary>Writes the brokers' MBeans for Prometheus and as JSON. What is written goes out family by family through rented
/// memory; reading the figures takes no lock that a produce or a fetch takes. Thread-safe.</summary>
/// <param name="cluster">The host's brokers.</param>
/// <param name="endElsewhere">The high watermark of a partition that a broker of another host leads; -1 where it is not known.</param>
internal sealed class MetricsDoor(HostedCluster cluster, Func<TopicPartition, long> endElsewhere) : IMetricsDoor
{
    /// <summary>Bytes gathered before they are given to the stream.</summary>
    private const int ChunkBytes = 64 * 1024;

    /// <summary>The brokers that have come so far as to have logs and groups.</summary>
    private List<BrokerServer> Brokers(int? brokerId) =>
    [
        .. cluster.Brokers.Where(b => brokerId is null || b.Id == brokerId).Select(b => b.Server)
            .Where(b => b is { Replicas: not null, Groups: not null, Fetches: not null }).OfType<BrokerServer>(),
    ];

    public async Task WritePrometheusAsync(Stream destination, CancellationToken cancellationToken)
    {
        List<BrokerServer> brokers = Brokers(null);
        using var text = new Utf8Text();
        using var sink = new PrometheusSink(text);
        foreach (BeanFamily family in BeanCatalog.All)
        {
            sink.Write(family, brokers);
            if (text.Length >= ChunkBytes)
            {
                await destination.WriteAsync(text.Written, cancellationToken).ConfigureAwait(false);
                text.Clear();
            }
        }
        GroupLag.Write(text, brokers, endElsewhere);
        ProcessMetrics.Write(text, cluster.StartedAt);
        await destination.WriteAsync(text.Written, cancellationToken).ConfigureAwait(false);
    }

    public Task WriteJmxAsync(string? query, int? brokerId, Stream destination, CancellationToken cancellationToken) =>
        WriteJmxAsync(new JmxPattern(query), brokerId, destination, cancellationToken);

    private async Task WriteJmxAsync(JmxPattern pattern, int? brokerId, Stream destination, CancellationToken cancellationToken)
    {
        using var text = new Utf8Text();
        var json = new Utf8JsonWriter(text, new JsonWriterOptions { Indented = true });
        await using (json.ConfigureAwait(false))
        {
            var sink = new JmxSink(pattern, json);
            json.WriteStartObject();
            json.WriteStartArray("beans");
            foreach (BrokerServer broker in Brokers(brokerId))
            {
                foreach (BeanFamily family in BeanCatalog.All)
                {
                    if (!pattern.MayMatch(family))
                    {
                        continue;
                    }
                    sink.Begin(broker.Id, family);
                    family.Collect(broker, sink);
                    if (text.Length >= ChunkBytes)
                    {
                        await json.FlushAsync(cancellationToken).ConfigureAwait(false);
                        await destination.WriteAsync(text.Written, cancellationToken).ConfigureAwait(false);
                        text.Clear();
                    }
                }
            }
            sink.Release();
            json.WriteEndArray();
            json.WriteEndObject();
            await json.FlushAsync(cancellationToken).ConfigureAwait(false);
            await destination.WriteAsync(text.Written, cancellationToken).ConfigureAwait(false);
        }
    }
}
