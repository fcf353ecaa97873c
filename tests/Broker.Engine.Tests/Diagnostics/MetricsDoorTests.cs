using System.Text.Json;
using Broker.Engine.Admin;
using Broker.Engine.Transport;

namespace Broker.Engine.Tests.Diagnostics;

/// <summary>What a live broker tells of itself.</summary>
public sealed class MetricsDoorTests(MetricsFixture fixture) : IClassFixture<MetricsFixture>
{
    private static double ValueOf(string[] lines, string series)
    {
        string line = Assert.Single(lines, l => l.StartsWith(series + " ", StringComparison.Ordinal));
        return double.Parse(line.AsSpan(series.Length + 1), System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Prometheus_OfALiveBroker_IsWellFormedAndGroupsItsFamilies()
    {
        string[] lines = await fixture.PrometheusAsync();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        string family = "";
        bool hasSample = true;
        foreach (string line in lines.Where(l => l.Length > 0))
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                Assert.True(hasSample, $"{family} has no sample");
                family = line.Split(' ')[2];
                Assert.True(seen.Add(family), $"{family} stands in two places");
                hasSample = false;
            }
            else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                Assert.Matches($"^# TYPE {family} (counter|gauge)$", line);
                Assert.Equal(family.EndsWith("_total", StringComparison.Ordinal), line.EndsWith("counter", StringComparison.Ordinal)
                    && !family.EndsWith("_count", StringComparison.Ordinal));
            }
            else
            {
                hasSample = true;
                Assert.Matches($$"""^{{family}}(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)+\})? (NaN|[+-]Inf|-?[0-9][-+.0-9E]*)$""", line);
            }
        }
        Assert.Equal(lines.Distinct().Count(), lines.Length);
    }

    [Theory]
    [InlineData("kafka_server_brokertopicmetrics_messagesin_total{broker=\"0\"}", MetricsFixture.Records)]
    [InlineData("kafka_server_brokertopicmetrics_messagesin_total{topic=\"orders\",broker=\"0\"}", MetricsFixture.Records)]
    [InlineData("kafka_log_log_logendoffset{topic=\"orders\",partition=\"0\",broker=\"0\"}", MetricsFixture.Records)]
    [InlineData("kafka_cluster_partition_insyncreplicascount{topic=\"orders\",partition=\"0\",broker=\"0\"}", 1)]
    [InlineData("kafka_controller_kafkacontroller_activecontrollercount{broker=\"0\"}", 1)]
    [InlineData("kafka_server_kafkaserver_brokerstate{broker=\"0\"}", 3)]
    [InlineData("kafka_network_requestmetrics_requests_total{request=\"Produce\",version=\"9\",broker=\"0\"}", 1)]
    [InlineData("kafka_network_requestmetrics_errors_total{request=\"Produce\",error=\"NONE\",broker=\"0\"}", 1)]
    [InlineData("kafka_network_requestmetrics_totaltimems_count{request=\"FetchConsumer\",broker=\"0\"}", 1)]
    [InlineData("kafka_network_requestmetrics_totaltimems_count{request=\"Fetch\",broker=\"0\"}", 1)]
    [InlineData("kafka_coordinator_group_groupmetadatamanager_numgroups{broker=\"0\"}", 1)]
    [InlineData("kafka_server_group_coordinator_metrics_offset_commit_count{broker=\"0\"}", 1)]
    [InlineData("kafka_consumergroup_lag{consumergroup=\"billing \\\"a\\\\b\\\"\",topic=\"orders\",partition=\"0\"}", MetricsFixture.Records - 1)]
    [InlineData("kafka_consumergroup_lag_sum{consumergroup=\"billing \\\"a\\\\b\\\"\",topic=\"orders\"}", MetricsFixture.Records - 1)]
    [InlineData("kafka_consumergroup_members{consumergroup=\"billing \\\"a\\\\b\\\"\"}", 0)]
    public async Task Prometheus_AfterOneOfEach_CountsIt(string series, double expected) =>
        Assert.Equal(expected, ValueOf(await fixture.PrometheusAsync(), series));

    [Theory]
    [InlineData("kafka_server_delayedoperationpurgatory_purgatorysize{delayedOperation=\"topic\"")]
    [InlineData("kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent{")]
    [InlineData("kafka_network_socketserver_networkprocessoravgidlepercent{")]
    [InlineData("kafka_network_acceptor_acceptorblockedpercent_count{listener=\"PLAINTEXT\"")]
    [InlineData("kafka_server_socket_server_metrics_connection_count{listener=\"PLAINTEXT\",networkProcessor=\"0\"")]
    [InlineData("kafka_network_requestmetrics_localtimems{request=\"Produce\",broker=\"0\",quantile=\"0.999\"}")]
    [InlineData("kafka_log_logflushstats_logflushrateandtimems_count{")]
    [InlineData("kafka_controller_controllerstats_leaderelectionrateandtimems{broker=\"0\",quantile=\"0.50\"}")]
    [InlineData("process_cpu_seconds_total ")]
    [InlineData("dotnet_gc_collections_total{generation=\"2\"} ")]
    public async Task Prometheus_OfALiveBroker_HasTheNamesThatDashboardsAskFor(string begin) =>
        Assert.Contains(await fixture.PrometheusAsync(), l => l.StartsWith(begin, StringComparison.Ordinal));

    [Fact]
    public async Task Jmx_WithAPattern_GivesThatBeanAlone()
    {
        byte[] json = await fixture.JmxAsync("kafka.log:partition=0,topic=orders,name=LogEndOffset,type=Log");
        using var document = JsonDocument.Parse(json);
        JsonElement bean = Assert.Single(document.RootElement.GetProperty("beans").EnumerateArray());
        Assert.Equal("kafka.log:type=Log,name=LogEndOffset,topic=orders,partition=0", bean.GetProperty("name").GetString());
        Assert.Equal(MetricsFixture.Records, bean.GetProperty("Value").GetInt64());
    }

    [Fact]
    public async Task Jmx_WithNoPattern_Refuses() => await Assert.ThrowsAsync<AdminException>(() => fixture.JmxAsync("nonsense"));

    [Fact]
    public void Idle_OfThreadsAtRest_IsNearOneWhoeverAsks()
    {
        for (int i = 0; i < 3; i++)
        {
            foreach (NetworkThreadSnapshot thread in fixture.Broker.Transport.Snapshot().Threads)
            {
                Assert.InRange(fixture.Broker.Metrics.Network.IdleOf(thread), 0.2, 1);
            }
        }
        Assert.InRange(fixture.Broker.Metrics.RequestHandlerIdle.MeanRate, 0.2, 1.001);
    }
}
