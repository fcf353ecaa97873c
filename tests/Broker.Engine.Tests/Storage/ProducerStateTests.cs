using Broker.Engine.Storage.Producers;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Storage;

public class ProducerStateTests
{
    private readonly ProducerStateManager _state = new(new TopicPartition("t", 0));

    private void Append(int firstSequence, int count, long baseOffset, short epoch = 0) => _state.Update(
        7, epoch, new BatchMetadata(Last(firstSequence, count), baseOffset + count - 1, count - 1, 1_000));

    private static int Last(int first, int count) =>
        first > int.MaxValue - (count - 1) ? count - 1 - (int.MaxValue - first) - 1 : first + count - 1;

    private ErrorCode Check(int firstSequence, short epoch = 0) => _state.Check(7, epoch, firstSequence, 0, out _);

    [Fact]
    public void Trap27_LastFiveBatches_AreRecognisedWithTheirOffsets()
    {
        for (int i = 0; i < 6; i++)
        {
            Append(i * 10, 10, i * 100);
        }
        Assert.False(_state.TryFindDuplicate(7, 0, 0, 9, out _));
        for (int i = 1; i < 6; i++)
        {
            Assert.True(_state.TryFindDuplicate(7, 0, i * 10, (i * 10) + 9, out BatchMetadata duplicate));
            Assert.Equal((i * 100L, (i * 100L) + 9), (duplicate.FirstOffset, duplicate.LastOffset));
        }
        Assert.False(_state.TryFindDuplicate(7, 0, 50, 58, out _));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Check(50));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Check(61));
        Assert.Equal(ErrorCode.None, Check(60));
    }

    [Fact]
    public void Trap28_Sequence_WrapsToZero()
    {
        Append(int.MaxValue - 1, 4, 0);
        Assert.Equal(ErrorCode.None, Check(2));
        Assert.True(_state.TryFindDuplicate(7, 0, int.MaxValue - 1, 1, out BatchMetadata duplicate));
        Assert.Equal(int.MaxValue - 1, duplicate.FirstSequence);
        Append(2, 1, 10);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Check(0));
    }

    [Fact]
    public void Trap28_SequenceEndsAtMax_ZeroFollows()
    {
        Append(int.MaxValue, 1, 0);
        Assert.Equal(ErrorCode.None, Check(0));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Check(1));
    }

    [Fact]
    public void Trap29_UnknownProducer_MayBeginAnywhere()
    {
        Assert.Equal(ErrorCode.None, Check(4_711));
        Append(0, 1, 0);
        Assert.Equal(1, _state.RemoveExpired(1_000 + 500, 500));
        Assert.Equal(ErrorCode.None, Check(4_711));
    }

    [Fact]
    public void Trap29_NewEpoch_MustBeginAtZero()
    {
        Append(0, 5, 0);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Check(5, epoch: 1));
        Assert.Equal(ErrorCode.None, Check(0, epoch: 1));
        Append(0, 5, 10, epoch: 1);
        Assert.False(_state.TryFindDuplicate(7, 0, 0, 4, out _));
        Assert.True(_state.TryFindDuplicate(7, 1, 0, 4, out _));
    }

    [Fact]
    public void Trap31_OldEpoch_IsInvalidProducerEpoch()
    {
        Append(0, 1, 0, epoch: 3);
        Assert.Equal(ErrorCode.InvalidProducerEpoch, Check(1, epoch: 2));
    }
}
