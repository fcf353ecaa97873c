using Broker.Engine.Metadata;
using Broker.Engine.Replication;
using Broker.Engine.Replication.Fetching;
using Broker.Engine.Storage;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Replication;

/// <summary>What a change of leaders must not hold up: a leader that stops should cost clients no more than their own pause.</summary>
public sealed class RoleChangeTests : IDisposable
{
    private readonly ReplicaFixture _broker = new(1);
    private readonly FetcherOptions _options = new() { BrokerId = 1, BackoffMs = 1_000 };

    public void Dispose() => _broker.Dispose();

    private ReplicaFetcher NewFetcher() => new(_options, _broker.Replicas.Partitions, _broker.Clock, () => 7, NullLogger.Instance);

    private Partition Follow(int index)
    {
        Assert.Equal(ErrorCode.None, _broker.Give(0, 1, [0, 1], partition: index));
        return _broker.Replicas.Partitions.Find(new TopicPartition("t", index))!;
    }

    [Fact]
    public async Task Hold_PartitionsAreAdded_TheFirstFetchComesAfterTheLastOfThem()
    {
        var asked = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        ReplicaFetcherThread thread = null!;
        using var fetchers = new ReplicaFetcherManager(1, (source, index) => thread = new ReplicaFetcherThread(
            source, index, NewFetcher(), _options,
            _ =>
            {
                asked.TrySetResult(thread.Count);
                return null;
            },
            TimeProvider.System, NullLogger.Instance));
        fetchers.Hold();
        for (int i = 0; i < 50; i++)
        {
            fetchers.Add(Follow(i), 0, 1);
        }
        Assert.False(asked.Task.IsCompleted);

        fetchers.Release();

        Assert.Equal(50, await asked.Task.WaitAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Next_APartitionIsToBeAskedForAgainSoon_TheLongPollForTheOthersEndsThen()
    {
        ReplicaFetcher fetcher = NewFetcher();
        fetcher.Add(Follow(0), 1);
        fetcher.Add(Follow(1), 1);
        Assert.Equal(FetcherStep.Fetch, fetcher.Next(12));
        Assert.Equal(_options.WaitMaxMs, fetcher.Fetch.MaxWaitMs);

        var answer = new FetchResponse();
        var topic = new FetchResponse.FetchableTopicResponse { Topic = "t"u8.ToArray() };
        topic.Partitions.Add(new() { PartitionIndex = 0 });
        topic.Partitions.Add(new() { PartitionIndex = 1, ErrorCode = ErrorCode.UnknownLeaderEpoch });
        answer.Responses.Add(topic);
        fetcher.OnFetched(answer);

        Assert.Equal(FetcherStep.Fetch, fetcher.Next(12));
        Assert.Equal([0], fetcher.Fetch.Topics.SelectMany(t => t.Partitions).Select(p => p.Partition));
        Assert.InRange(fetcher.Fetch.MaxWaitMs, 1, 20);
    }

    [Theory]
    [InlineData(3, 0, 5)]
    [InlineData(5, 0, 5)]
    [InlineData(6, 2, 6)]
    public void CurrentLeader_TheRoleIsOfALaterEpochThanWhatClientsAreTold_IsTheRoles(int toldEpoch, int leader, int epoch)
    {
        _broker.Give(0, 5, [0, 1]);
        var told = new PartitionImage(toldEpoch == 5 ? 0 : 2, toldEpoch, 0, [0, 1, 2], [0, 1, 2], []);
        Assert.Equal((leader, epoch), _broker.Replicas.CurrentLeader(new TopicPartition("t", 0), told));
    }
}
