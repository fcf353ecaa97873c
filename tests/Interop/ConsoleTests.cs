namespace Interop;

/// <summary>What monitoring reads from the host.</summary>
public class ConsoleTests(SharedHost host) : IClassFixture<SharedHost>
{
    [Theory]
    [InlineData("/metrics", "kafka_server_brokertopicmetrics_messagesin_total")]
    [InlineData("/metrics", "process_resident_memory_bytes")]
    [InlineData("/jmx?qry=kafka.server:type=BrokerTopicMetrics,name=*", "kafka.server:type=BrokerTopicMetrics,name=BytesInPerSec")]
    [InlineData("/jmx?qry=kafka.log:type=Log,name=LogEndOffset,*", "\"beans\"")]
    public async Task Metrics_HaveKafkasNames(string path, string name)
    {
        using var http = new HttpClient { BaseAddress = host.Host.Http };
        Assert.Contains(name, await http.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
