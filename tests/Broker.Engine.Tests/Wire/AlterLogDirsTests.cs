using Broker.Client;
using Broker.Engine.Tests.Storage;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;

namespace Broker.Engine.Tests.Wire;

/// <summary>Partitions that move between the log directories of a running broker, as clients see it.</summary>
public sealed class AlterLogDirsTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private string Dir(string name) => _directory.At(name);

    private Task<TestCluster> StartAsync(params string[] more) =>
        TestCluster.StartAsync(overrides: [$"log.dirs={Dir("a")},{Dir("b")}", .. more]);

    private static async Task<ErrorCode> AlterAsync(KafkaConnection client, string topic, string path, int partition = 0)
    {
        var dir = new AlterReplicaLogDirsRequest.AlterReplicaLogDir { Path = path };
        var one = new AlterReplicaLogDirsRequest.AlterReplicaLogDirTopic { Name = topic };
        one.Partitions.Add(partition);
        dir.Topics.Add(one);
        var request = new AlterReplicaLogDirsRequest();
        request.Dirs.Add(dir);
        AlterReplicaLogDirsResponse answer =
            await client.CallAsync<AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse>(request, 2);
        return answer.Results.Single(r => r.TopicName == topic).Partitions.Single().ErrorCode;
    }

    private static async Task<DescribeLogDirsResponse.DescribeLogDirsPartition?> FindAsync(
        KafkaConnection client, string directory, string topic)
    {
        DescribeLogDirsResponse answer = await client.CallAsync<DescribeLogDirsRequest, DescribeLogDirsResponse>(
            new DescribeLogDirsRequest { Topics = null }, 4);
        return answer.Results.Single(r => r.LogDir == directory).Topics.FirstOrDefault(t => t.Name == topic)?.Partitions[0];
    }

    private static async Task UntilAsync(Func<bool> holds)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!holds())
        {
            await Task.Delay(2, patience.Token);
        }
    }

    [Fact]
    public async Task Alter_WhileProducersAndConsumersWork_NobodyMissesARecord()
    {
        await using TestCluster cluster = await StartAsync();
        TestTopic topic = await cluster.NewTopicAsync(1, ("segment.bytes", "1048576"));
        var id = new TopicPartition(topic.Name, 0);
        KafkaConnection client = await cluster.ConnectAsync();
        KafkaConnection reader = await cluster.ConnectAsync();
        for (int i = 0; i < 60; i++)
        {
            Assert.Equal(ErrorCode.None, (await client.ProduceAsync(topic, Calls.Batch(valueBytes: 60_000))).ErrorCode);
        }
        string from = cluster.Server().Logs.Find(id)!.ParentDirectory;
        string to = from == Dir("a") ? Dir("b") : Dir("a");
        cluster.Server().Mover!.Throttle.BytesPerSecond = 1_000_000;
        Assert.Equal(ErrorCode.None, await AlterAsync(client, topic.Name, to));
        DescribeLogDirsResponse.DescribeLogDirsPartition? future = await FindAsync(client, to, topic.Name);
        Assert.NotNull(future);
        Assert.True(future.IsFutureKey);
        Assert.InRange(future.OffsetLag, 1, 60);
        Assert.False((await FindAsync(client, from, topic.Name))!.IsFutureKey);
        long next = 60;
        cluster.Server().Mover!.Throttle.BytesPerSecond = double.MaxValue;
        while (cluster.Server().Logs.Moves.Count > 0)
        {
            Assert.Equal(next++, (await client.ProduceAsync(topic, Calls.Batch())).BaseOffset);
            FetchResponse.PartitionData read = await reader.FetchOneAsync(topic, next - 1, maxWaitMs: 5_000);
            Assert.Equal((ErrorCode.None, next), (read.ErrorCode, read.HighWatermark));
        }
        Assert.Equal(next, (await client.ProduceAsync(topic, Calls.Batch())).BaseOffset);
        Assert.Equal(to, cluster.Server().Logs.Find(id)!.ParentDirectory);
        Assert.Equal(Path.Combine(to, $"{topic.Name}-0"), cluster.Server().Logs.Find(id)!.Directory);
        Assert.False((await FindAsync(client, to, topic.Name))!.IsFutureKey);
        Assert.Null(await FindAsync(client, from, topic.Name));
        for (long offset = 0; offset <= next; offset++)
        {
            FetchResponse.PartitionData read = await reader.FetchOneAsync(topic, offset, maxBytes: 1);
            Assert.True(read.Records.Length > 0, $"offset {offset} is lost");
        }
        await cluster.RestartLeaderAsync(topic);
        Assert.Equal(next + 1, cluster.Server().Logs.Find(id)!.LogEndOffset);
        Assert.Equal(to, cluster.Server().Logs.Find(id)!.ParentDirectory);
    }

    [Fact]
    public async Task Alter_OfWhatIsNotThere_IsRefused()
    {
        await using TestCluster cluster = await StartAsync();
        TestTopic topic = await cluster.NewTopicAsync();
        KafkaConnection client = await cluster.ConnectAsync();
        Assert.Equal(ErrorCode.LogDirNotFound, await AlterAsync(client, topic.Name, "/nowhere"));
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, await AlterAsync(client, "unknown", Dir("a")));
        Assert.Equal(ErrorCode.None, await AlterAsync(client, topic.Name, Dir("a")));
    }

    private static long OffsetIn(string line) => long.Parse(line.Split(' ')[2], System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public async Task Alter_OfACompactedTopic_TakesItsCleanerCheckpointAlong()
    {
        await using TestCluster cluster = await StartAsync("log.cleaner.backoff.ms=10");
        TestTopic topic = await cluster.NewTopicAsync(
            1, ("cleanup.policy", "compact"), ("segment.bytes", "1048576"), ("min.cleanable.dirty.ratio", "0.01"), ("file.delete.delay.ms", "0"));
        var id = new TopicPartition(topic.Name, 0);
        KafkaConnection client = await cluster.ConnectAsync();
        for (int i = 0; i < 5; i++)
        {
            await client.ProduceAsync(topic, Calls.Batch(valueBytes: 600_000));
        }
        string from = cluster.Server().Logs.Find(id)!.ParentDirectory;
        await UntilAsync(() => Entry(from, id) is not null);
        string to = from == Dir("a") ? Dir("b") : Dir("a");
        string line = Entry(from, id)!;
        Assert.Equal(ErrorCode.None, await AlterAsync(client, topic.Name, to));
        await UntilAsync(() => cluster.Server().Logs.Moves.Count == 0);
        Assert.Null(Entry(from, id));
        // The cleaner may have gone on meanwhile; it never goes back.
        Assert.True(OffsetIn(Entry(to, id)!) >= OffsetIn(line), $"{line} became {Entry(to, id)}");
        line = Entry(to, id)!;
        for (int i = 0; i < 5; i++)
        {
            await client.ProduceAsync(topic, Calls.Batch(valueBytes: 600_000));
        }
        await UntilAsync(() => Entry(to, id) is { } now && now != line);   // the cleaner is at work there again
    }

    private static string? Entry(string directory, TopicPartition id)
    {
        string file = Path.Combine(directory, "cleaner-offset-checkpoint");
        return !File.Exists(file) ? null : File.ReadAllLines(file)
            .FirstOrDefault(l => l.StartsWith($"{id.Topic} {id.Partition} ", StringComparison.Ordinal));
    }
}
