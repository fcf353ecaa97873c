using Broker.Client;
using Broker.Engine.Admin.Hosted;
using Broker.Engine.Tests.Wire;

namespace Broker.Engine.Tests.Admin;

public sealed class TrafficSamplerTests
{
    [Fact]
    public async Task Sample_OfATopicThatWasStill_SeesItGrowAgain()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        TestTopic topic = await cluster.NewTopicAsync(2);
        KafkaConnection client = await cluster.ConnectAsync();
        var sampler = new TrafficSampler();
        DateTimeOffset now = DateTimeOffset.UnixEpoch;
        (double Messages, double Bytes) Next(int partition)
        {
            sampler.Sample([cluster.Server()], now = now.AddSeconds(1));
            return sampler.Partition(new TopicPartition(topic.Name, partition));
        }

        Assert.Equal((0, 0), Next(0));
        foreach (int records in (int[])[8, 4])   // the second time it has been still for long
        {
            await client.ProduceAsync(topic, Calls.Batch(records));
            (double messages, double bytes) = Next(0);
            Assert.Equal(records / 2.0, messages);
            Assert.True(bytes > 0);
            Assert.Equal((0, 0), sampler.Partition(new TopicPartition(topic.Name, 1)));
            Assert.Equal(records / 4.0, Next(0).Messages);
            for (int second = 0; second < 40; second++)
            {
                Next(0);
            }
            Assert.Equal((0, 0), Next(0));
        }
    }
}
