using System.Text;
using Broker.Client;
using Broker.Engine.Coordination;
using Broker.Engine.Tests.Storage;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Wire;

/// <summary>A disk that fails under one of a broker's log directories, as clients, the controller and the operator see it.</summary>
public sealed class LogDirectoryFailureTests
{
    private const string Good = "/disks/good";
    private const string Bad = "/disks/bad";
    private readonly FaultingDisk _disk = new();

    private Task<TestCluster> StartAsync() => TestCluster.StartAsync(
        overrides: [$"log.dirs={Good},{Bad}", "log.initial.task.delay.ms=0"], disk: _disk);

    private void FailUnder(string directory) => _disk.OnOperation = (what, path) =>
    {
        if (path.StartsWith(directory, StringComparison.Ordinal))
        {
            throw new IOException($"Input/output error : {what} '{path}'");
        }
    };

    /// <summary>A partition of a topic that lies in a directory.</summary>
    private static int PartitionIn(TestCluster cluster, TestTopic topic, string directory) =>
        cluster.Server().Logs.Logs.First(l => l.Partition.Topic == topic.Name && l.ParentDirectory == directory).Partition.Partition;

    private static async Task<TestTopic> FilledTopicAsync(TestCluster cluster, KafkaConnection client)
    {
        TestTopic topic = await cluster.NewTopicAsync(4);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(3), partition: i)).ErrorCode);
        }
        return topic;
    }

    private static async Task<DescribeLogDirsResponse> DescribeAsync(KafkaConnection client) =>
        await client.CallAsync<DescribeLogDirsRequest, DescribeLogDirsResponse>(new DescribeLogDirsRequest { Topics = null }, 4);

    [Fact]
    public async Task LastDirectory_FailsAsItsCheckpointsAreWrittenAtTheStart_StopsTheBroker()
    {
        string[] overrides = [$"log.dirs={Good}", "log.initial.task.delay.ms=600000"];
        await using TestCluster cluster = await TestCluster.StartAsync(overrides: overrides, disk: _disk);
        TestTopic topic = await FilledTopicAsync(cluster, await cluster.ConnectAsync());
        await cluster.Brokers[0].StopAsync();
        _disk.Delete($"{Good}/.kafka_cleanshutdown");
        // A log that is shorter than its checkpoint says has the checkpoint written anew.
        _disk.Replace($"{Good}/{topic.Name}-0/00000000000000000000.log", [], sync: false);
        _disk.OnWrite = (path, length) => path.Contains("recovery-point-offset-checkpoint", StringComparison.Ordinal)
            ? throw new IOException($"No space left on device : '{path}'") : length;

        BrokerStartException refused = await Assert.ThrowsAsync<BrokerStartException>(
            () => cluster.Brokers[0].StartAsync(TestContext.Current.CancellationToken));

        Assert.EndsWith("all its log directories have failed", refused.Message, StringComparison.Ordinal);
        _disk.OnWrite = null;
    }

    [Fact]
    public async Task Directory_FailsUnderARunningBroker_GoesOfflineAlone()
    {
        await using TestCluster cluster = await StartAsync();
        KafkaConnection client = await cluster.ConnectAsync();
        TestTopic topic = await FilledTopicAsync(cluster, client);
        int bad = PartitionIn(cluster, topic, Bad);
        int good = PartitionIn(cluster, topic, Good);
        Task<FetchResponse.PartitionData> waiting = client.FetchOneAsync(topic, 3, maxWaitMs: 20_000, partition: bad);
        var told = new TaskCompletionSource();
        using IDisposable watch = await cluster.Server().Membership.Session.WatchAsync(
            ClusterPaths.LogDirEvents, WatchKinds.Children, _ => told.TrySetResult(), TestContext.Current.CancellationToken);
        KafkaConnection other = await cluster.ConnectAsync();

        FailUnder(Bad);
        Assert.Equal(ErrorCode.KafkaStorageError, (await other.ProduceAsync(topic, Calls.Batch(), partition: bad)).ErrorCode);

        Assert.Equal(ErrorCode.KafkaStorageError, (await waiting).ErrorCode);
        Assert.Equal(ErrorCode.KafkaStorageError, (await other.FetchOneAsync(topic, 0, partition: bad)).ErrorCode);
        Assert.Equal(ErrorCode.KafkaStorageError, (await other.ListOffsetsAsync(topic, -1, partition: bad)).ErrorCode);
        Assert.Equal(ErrorCode.None, (await other.ProduceAsync(topic, Calls.Batch(), partition: good)).ErrorCode);
        Assert.Equal(4, (await other.FetchOneAsync(topic, 3, partition: good)).HighWatermark);
        DescribeLogDirsResponse described = await DescribeAsync(other);
        Assert.Equal(ErrorCode.KafkaStorageError, described.Results.Single(r => r.LogDir == Bad).ErrorCode);
        Assert.Equal(ErrorCode.None, described.Results.Single(r => r.LogDir == Good).ErrorCode);
        await told.Task.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        TestTopic after = await cluster.NewTopicAsync(3);
        Assert.All(cluster.Server().Logs.Logs.Where(l => l.Partition.Topic == after.Name), l => Assert.Equal(Good, l.ParentDirectory));

        FailUnder("/disks");
        Assert.Equal(ErrorCode.KafkaStorageError, (await other.ProduceAsync(topic, Calls.Batch(), partition: good)).ErrorCode);
        string reason = await cluster.Hosted.Failure.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.Contains("all log directories have failed", reason, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', reason);
    }

    [Fact]
    public async Task Directory_FailsWhileItIsLoaded_TheOthersServe_AndNothingEmptyTakesItsPlace()
    {
        await using TestCluster cluster = await StartAsync();
        KafkaConnection client = await cluster.ConnectAsync();
        TestTopic topic = await FilledTopicAsync(cluster, client);
        int bad = PartitionIn(cluster, topic, Bad);
        int good = PartitionIn(cluster, topic, Good);
        await cluster.Brokers[0].StopAsync();
        _disk.OnOperation = (what, path) =>
        {
            if (what == "list" && path.StartsWith($"{Bad}/{topic.Name}", StringComparison.Ordinal))
            {
                throw new IOException($"Input/output error : {what} '{path}'");
            }
        };

        await cluster.Brokers[0].StartAsync(TestContext.Current.CancellationToken);
        KafkaConnection again = await cluster.ConnectAsync();
        await cluster.UntilServedAsync(topic, good);
        Assert.Equal(3, (await again.FetchOneAsync(topic, 0, partition: good)).HighWatermark);
        Assert.Equal(ErrorCode.KafkaStorageError, (await again.ProduceAsync(topic, Calls.Batch(), partition: bad)).ErrorCode);
        Assert.Equal(ErrorCode.KafkaStorageError, (await again.FetchOneAsync(topic, 0, partition: bad)).ErrorCode);
        Assert.Equal(ErrorCode.KafkaStorageError, (await again.ListOffsetsAsync(topic, -1, partition: bad)).ErrorCode);
        Assert.False(_disk.DirectoryExists($"{Good}/{topic.Name}-{bad}"));

        _disk.OnOperation = null;   // the disk is back: what lay on it is
        await cluster.Brokers[0].StopAsync();
        await cluster.Brokers[0].StartAsync(TestContext.Current.CancellationToken);
        await cluster.UntilServedAsync(topic, bad);
        Assert.Equal(3, (await (await cluster.ConnectAsync()).FetchOneAsync(topic, 0, partition: bad)).HighWatermark);
    }

    [Fact]
    public async Task Start_NoDirectoryWorks_IsRefusedInOneLine()
    {
        await using TestCluster cluster = await StartAsync();
        await cluster.Brokers[0].StopAsync();
        FailUnder("/disks");
        BrokerStartException e = await Assert.ThrowsAsync<BrokerStartException>(
            () => cluster.Brokers[0].StartAsync(TestContext.Current.CancellationToken));
        Assert.Contains($"log directory {Good} failed: ", e.Message, StringComparison.Ordinal);
        Assert.Contains($"log directory {Bad} failed: ", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public async Task DeleteRecords_ItsCheckpointFails_IsNotAnsweredAsDone()
    {
        await using TestCluster cluster = await StartAsync();
        KafkaConnection client = await cluster.ConnectAsync();
        TestTopic topic = await cluster.NewTopicAsync();
        await client.ProduceAsync(topic, Calls.Batch(3));
        _disk.OnOperation = (what, path) =>
        {
            if (what == "replace" && path.EndsWith("log-start-offset-checkpoint", StringComparison.Ordinal))
            {
                throw new IOException($"Input/output error : {what} '{path}'");
            }
        };
        Assert.Equal((ErrorCode.KafkaStorageError, -1), await client.DeleteRecordsAsync(topic, 2));
        Assert.Equal((ErrorCode.KafkaStorageError, -1), await client.DeleteRecordsAsync(topic, 3));
    }

    [Fact]
    public void LogDirFailure_IsWrittenAsKafkaReadsIt() =>
        Assert.Equal("""{"version":1,"broker":7,"event":1}""", Encoding.UTF8.GetString(ClusterJson.LogDirEvent(7)));
}
