using Broker.Engine.Replication;
using Broker.Engine.Replication.Fetching;
using Broker.Engine.Storage;
using Broker.Engine.Tests.Wire;
using Broker.Protocol.Messages;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Broker.Engine.Tests.Replication;

/// <summary>The state machine that follows, against a leader's partition that is asked by calls.</summary>
public sealed class ReplicaFetcherTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly ReplicaFixture _leader;
    private readonly ReplicaFixture _follower;
    private readonly ReplicaFetcher _fetcher;
    private readonly List<Partition> _failed = [];

    public ReplicaFetcherTests()
    {
        _leader = new ReplicaFixture(0, _time);
        _follower = new ReplicaFixture(1, _time);
        _fetcher = new ReplicaFetcher(
            new FetcherOptions { BrokerId = 1, BackoffMs = 1_000 }, _follower.Replicas.Partitions, _follower.Clock, () => 7, NullLogger.Instance)
        { Failed = _failed.Add };
    }

    /// <summary>Histories as "epoch:records" in order, of the leader and of the follower, and what is common afterwards.</summary>
    public static TheoryData<string, string, string, int> Histories => new()
    {
        { "the follower is behind", "1:10", "1:4", 4 },
        { "the follower has nothing", "1:10 2:5", "", 0 },
        { "KIP-101 scenario 1: what was not replicated is cut", "1:5 2:5", "1:8", 5 },
        { "KIP-101 scenario 2: both went on from the same offset", "1:5 3:2", "1:5 2:4", 5 },
        { "KIP-279: fast failovers, epochs that only one of them knows", "1:5 3:5", "1:5 2:3 4:2", 5 },
        { "the follower's epochs are all later", "1:10", "1:4 2:2 3:3", 4 },
        { "the leader's epoch begins within the follower's", "1:3 2:10", "1:12", 3 },
        { "several rounds", "1:2 3:2 5:2 9:2", "1:2 2:3 4:3 6:3 8:1", 2 },
        { "equal", "1:3 2:4", "1:3 2:4", 7 },
        { "the same epochs, the follower has more of the last but one", "1:3 2:4 5:1", "1:3 2:6", 7 },
    };

    [Theory]
    [MemberData(nameof(Histories))]
    public void Follow_LogsThatPart_BecomesEqualAndKeepsWhatIsCommon(string what, string leader, string follower, int common)
    {
        int epoch = Write(_leader, leader);
        Write(_follower, follower);
        _leader.Give(0, epoch = Math.Max(epoch, 10) + 1, [0, 1], replicas: [0, 1], partitionEpoch: 90);
        _leader.Append(2);
        _follower.Give(0, epoch, [0, 1], replicas: [0, 1], partitionEpoch: 90);
        _fetcher.Add(_follower.Partition, epoch);
        long least = _follower.Partition.Log.LogEndOffset;

        for (int rounds = 0; _follower.Partition.Log.LogEndOffset != _leader.Partition.Log.LogEndOffset || !AreEqual(); rounds++)
        {
            Assert.True(rounds < 20, what);
            Round();
            least = Math.Min(least, _follower.Partition.Log.LogEndOffset);
        }

        Assert.Equal(common, least);
        Assert.Equal(
            _leader.Partition.Log.Epochs.Entries.Where(e => e.StartOffset < _leader.Partition.Log.LogEndOffset),
            _follower.Partition.Log.Epochs.Entries);
    }

    [Fact]
    public void Follow_ReignWithoutRecords_DoesNotLoop()
    {
        Write(_leader, "1:5 3:2");
        Write(_follower, "1:5 2:0");   // it led in epoch 2 and appended nothing
        _leader.Give(0, 4, [0, 1], replicas: [0, 1], partitionEpoch: 90);
        _follower.Give(0, 4, [0, 1], replicas: [0, 1], partitionEpoch: 90);
        _fetcher.Add(_follower.Partition, 4);

        Round();
        Round();

        Assert.True(AreEqual());
    }

    [Fact]
    public void OnFetched_HighWatermark_IsTheLeadersUpToTheOwnEnd()
    {
        Start("");
        for (int i = 0; i < 10; i++)
        {
            _leader.Append();
        }
        _leader.Fetched(1, 4);
        Assert.Equal(4, _leader.Partition.HighWatermark);

        Round();
        Assert.Equal(4, _follower.Partition.HighWatermark);
        Assert.Equal(10, _follower.Partition.Log.LogEndOffset);
    }

    [Fact]
    public void OnFetched_OffsetOutOfRangeBelowTheLeadersStart_BeginsAnewThere()
    {
        Write(_leader, "1:10");
        _leader.Give(0, 2, [0], replicas: [0], partitionEpoch: 90);
        _leader.Partition.Log.IncrementLogStartOffset(6, 10);
        Write(_follower, "1:3");
        _follower.Give(0, 2, [0], replicas: [0, 1], partitionEpoch: 90);
        _fetcher.Add(_follower.Partition, 2);

        for (int i = 0; i < 6; i++)
        {
            Round();
        }

        Assert.Equal((6, 10), (_follower.Partition.Log.LogStartOffset, _follower.Partition.Log.LogEndOffset));
    }

    [Fact]
    public void Next_PartitionsWithoutChange_AreNotNamedAgain()
    {
        Start("1:10");
        Round(sessionId: 5);
        Assert.Equal((0, 0), (_fetcher.Fetch.SessionId, _fetcher.Fetch.SessionEpoch));

        Assert.Equal(FetcherStep.Fetch, _fetcher.Next(12));
        Assert.Equal((5, 1), (_fetcher.Fetch.SessionId, _fetcher.Fetch.SessionEpoch));
        Assert.Equal(10, _fetcher.Fetch.Topics[0].Partitions[0].FetchOffset);
        _fetcher.OnFetched(new FetchResponse { SessionId = 5 });
        _fetcher.Next(12);
        Assert.Equal(2, _fetcher.Fetch.SessionEpoch);
        Assert.Empty(_fetcher.Fetch.Topics);
    }

    [Fact]
    public void Next_PartitionRemovedAndAdded_IsForgottenOrNamedAnew()
    {
        Start("1:10");
        Round(sessionId: 5);
        _fetcher.Remove(_follower.Partition);
        _fetcher.Add(_follower.Partition, 9);
        _fetcher.Next(12);
        Assert.Empty(_fetcher.Fetch.ForgottenTopicsData);
        Assert.Equal(9, _fetcher.Fetch.Topics[0].Partitions[0].CurrentLeaderEpoch);
    }

    [Fact]
    public void OnFetched_SessionLost_NamesEverythingAnew()
    {
        Start("1:10");
        Round(sessionId: 5);
        _fetcher.Next(12);
        _fetcher.OnFetched(new FetchResponse { ErrorCode = ErrorCode.FetchSessionIdNotFound });

        Assert.Equal(FetcherStep.Fetch, _fetcher.Next(12));
        Assert.Equal((0, 0), (_fetcher.Fetch.SessionId, _fetcher.Fetch.SessionEpoch));
        Assert.Single(_fetcher.Fetch.Topics);
    }

    [Fact]
    public void OnFetched_LeaderDoesNotKnowItsRoleYet_PausesBrieflyThenLonger()
    {
        Start("1:10");
        for (int pause = 20; pause <= 160; pause *= 2)
        {
            Assert.Equal(FetcherStep.Fetch, _fetcher.Next(12));
            _fetcher.OnFetched(Answer(d => d.ErrorCode = ErrorCode.UnknownLeaderEpoch));
            _time.Advance(TimeSpan.FromMilliseconds(pause - 1));
            Assert.Equal(FetcherStep.Idle, _fetcher.Next(12));
            _time.Advance(TimeSpan.FromMilliseconds(2));
        }
    }

    [Fact]
    public void OnFetched_LeaderEpochIsOver_FollowsNoMoreUntilToldAgain()
    {
        Start("1:10");
        _fetcher.Next(12);

        _fetcher.OnFetched(Answer(d => d.ErrorCode = ErrorCode.FencedLeaderEpoch));

        Assert.Same(_follower.Partition, Assert.Single(_failed));
        Assert.Equal(FetcherStep.Idle, _fetcher.Next(12));
    }

    [Fact]
    public void OnFetched_RecordsThatAreNotWhole_AreRefused()
    {
        Start("1:10");
        _fetcher.Next(12);
        byte[] batch = _leader.Partition.Log.Copy(0, 1 << 20, 10)!;
        batch[^1] ^= 1;

        _fetcher.OnFetched(Answer(d => d.Records = new Broker.Protocol.Wire.Records(batch)));

        Assert.Equal(0, _follower.Partition.Log.LogEndOffset);
        Assert.Empty(_failed);
        Assert.Equal(FetcherStep.Idle, _fetcher.Next(12));
    }

    [Fact]
    public void OnFetched_AnswerForAPartitionThatCameBackMeanwhile_IsNotAppended()
    {
        Start("1:10");
        _fetcher.Next(12);
        FetchResponse answer = Answer(d => d.Records = new Broker.Protocol.Wire.Records(_leader.Partition.Log.Copy(0, 1 << 20, 10)!));
        _fetcher.Remove(_follower.Partition);
        _fetcher.Add(_follower.Partition, 3);

        _fetcher.OnFetched(answer);

        Assert.Equal(0, _follower.Partition.Log.LogEndOffset);
    }

    [Fact]
    public void OnFetched_AnswerThatIsNotTaken_BeginsAnotherSession_ThatTellsTheHighWatermarkAgain()
    {
        Start("1:10");
        Round(sessionId: 5);
        _fetcher.Next(12);
        _fetcher.Remove(_follower.Partition);
        _fetcher.Add(_follower.Partition, 3);
        _fetcher.OnFetched(Answer(d => d.HighWatermark = 10, sessionId: 5));

        Assert.Equal(FetcherStep.Fetch, _fetcher.Next(12));
        Assert.Equal((5, 0), (_fetcher.Fetch.SessionId, _fetcher.Fetch.SessionEpoch));
        Assert.Single(_fetcher.Fetch.Topics);
        _fetcher.OnFetched(Answer(d => d.HighWatermark = 10, sessionId: 6));
        Assert.Equal(10, _follower.Partition.HighWatermark);
        _fetcher.Next(12);
        Assert.Equal((6, 1), (_fetcher.Fetch.SessionId, _fetcher.Fetch.SessionEpoch));
    }

    [Fact]
    public void OnFetched_AnswerSaysWhereLogsPart_BeginsAnotherSession_ThatTellsTheHighWatermarkAgain()
    {
        Write(_leader, "1:5");
        Write(_follower, "1:8");
        _leader.Give(0, 2, [0], replicas: [0, 1], partitionEpoch: 90);
        _follower.Give(0, 2, [0], replicas: [0, 1], partitionEpoch: 90);
        Assert.Equal(5, _leader.Partition.HighWatermark);
        _fetcher.Add(_follower.Partition, 2);
        Round(sessionId: 5);
        Assert.Equal(5, _follower.Partition.Log.LogEndOffset);

        // A leader that has told it in this session would leave it out: nothing has changed since.
        Assert.Equal(FetcherStep.Fetch, _fetcher.Next(12));
        Assert.Equal((5, 0), (_fetcher.Fetch.SessionId, _fetcher.Fetch.SessionEpoch));
        Assert.Single(_fetcher.Fetch.Topics);
    }

    [Fact]
    public void Next_PartitionBackFromAPause_IsNotForgottenByTheRequestThatNamesIt()
    {
        Start("1:10");
        Round(sessionId: 5);
        _fetcher.Next(12);
        _fetcher.OnFetched(Answer(d => d.ErrorCode = ErrorCode.NotLeaderOrFollower, sessionId: 5));
        Assert.Equal(FetcherStep.Idle, _fetcher.Next(12));
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(FetcherStep.Fetch, _fetcher.Next(12));
        Assert.Single(_fetcher.Fetch.Topics);
        Assert.Empty(_fetcher.Fetch.ForgottenTopicsData);
    }

    [Fact]
    public void OnFetched_LastBatchCut_IsAppendedWithTheNextFetch()
    {
        Start("1:8");
        _fetcher.Next(12);
        byte[] all = _leader.Partition.Log.Copy(0, 1 << 20, 8)!;

        _fetcher.OnFetched(Answer(d => d.Records = new Broker.Protocol.Wire.Records(all.AsMemory(0, all.Length - 10))));

        Assert.Equal(7, _follower.Partition.Log.LogEndOffset);
    }

    private void Start(string history)
    {
        int epoch = Write(_leader, history);
        _leader.Give(0, epoch, [0, 1], replicas: [0, 1], partitionEpoch: 90);
        _follower.Give(0, epoch, [0, 1], replicas: [0, 1], partitionEpoch: 90);
        _fetcher.Add(_follower.Partition, epoch);
    }

    /// <summary>Appends a history as a leader without followers; returns its last epoch.</summary>
    private static int Write(ReplicaFixture broker, string history)
    {
        int self = broker.Context.BrokerId;
        int partitionEpoch = 0;
        int epoch = 0;
        broker.Give(self, 0, [self], replicas: [self]);
        foreach (string reign in history.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            epoch = int.Parse(reign.Split(':')[0], System.Globalization.CultureInfo.InvariantCulture);
            broker.Give(self, epoch, [self], replicas: [self], partitionEpoch: ++partitionEpoch);
            for (int left = int.Parse(reign.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture); left > 0; left--)
            {
                broker.Append();
            }
        }
        return epoch;
    }

    private bool AreEqual()
    {
        PartitionLog leader = _leader.Partition.Log;
        return leader.Copy(0, 1 << 20, leader.LogEndOffset)!.AsSpan().SequenceEqual(
            _follower.Partition.Log.Copy(0, 1 << 20, _follower.Partition.Log.LogEndOffset));
    }

    private static FetchResponse Answer(Action<FetchResponse.PartitionData> fill, int sessionId = 0)
    {
        var response = new FetchResponse { SessionId = sessionId };
        var topic = new FetchResponse.FetchableTopicResponse { Topic = "t"u8.ToArray() };
        var data = new FetchResponse.PartitionData { Records = Broker.Protocol.Wire.Records.Empty };
        fill(data);
        topic.Partitions.Add(data);
        response.Responses.Add(topic);
        return response;
    }

    /// <summary>One request and its answer, as a leader gives it.</summary>
    private void Round(int sessionId = 0)
    {
        _time.Advance(TimeSpan.FromSeconds(2));
        PartitionLog log = _leader.Partition.Log;
        switch (_fetcher.Next(12))
        {
            case FetcherStep.Offsets:
                ListOffsetsRequest.ListOffsetsPartition wanted = _fetcher.Offsets.Topics[0].Partitions[0];
                var offsets = new ListOffsetsResponse();
                var named = new ListOffsetsResponse.ListOffsetsTopicResponse { Name = "t" };
                named.Partitions.Add(new() { Offset = wanted.Timestamp == -1 ? log.LogEndOffset : log.LogStartOffset });
                offsets.Topics.Add(named);
                _fetcher.OnOffsets(offsets);
                break;
            case FetcherStep.Fetch:
                FetchRequest.FetchPartition asked = _fetcher.Fetch.Topics[0].Partitions[0];
                _fetcher.OnFetched(Answer(d => Fill(d, asked), sessionId));
                break;
            default:
                break;
        }
    }

    private void Fill(FetchResponse.PartitionData data, FetchRequest.FetchPartition asked)
    {
        PartitionLog log = _leader.Partition.Log;
        data.ErrorCode = _leader.Partition.CheckDivergence(asked.LastFetchedEpoch, asked.FetchOffset, out (int Epoch, long EndOffset)? parts);
        if (data.ErrorCode == ErrorCode.None && parts is null
            && (asked.FetchOffset < log.LogStartOffset || asked.FetchOffset > log.LogEndOffset))
        {
            data.ErrorCode = ErrorCode.OffsetOutOfRange;
        }
        if (data.ErrorCode != ErrorCode.None)
        {
            return;
        }
        data.HighWatermark = _leader.Partition.HighWatermark;
        data.LogStartOffset = log.LogStartOffset;
        if (parts is var (epoch, endOffset))
        {
            data.DivergingEpoch = new() { Epoch = epoch, EndOffset = endOffset };
        }
        else if (log.Copy(asked.FetchOffset, 1 << 20, log.LogEndOffset) is { } bytes)
        {
            data.Records = new Broker.Protocol.Wire.Records(bytes);
        }
    }

    public void Dispose()
    {
        _leader.Dispose();
        _follower.Dispose();
    }
}
