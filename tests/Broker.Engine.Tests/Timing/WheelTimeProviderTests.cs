using System.Threading.Channels;
using Broker.Engine.Timing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Broker.Engine.Tests.Timing;

/// <summary>On the real clock: the provider is what makes real time pass. Every test waits for an event, none for a time.</summary>
public sealed class WheelTimeProviderTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly WheelTimeProvider _time = new(NullLogger.Instance);

    public void Dispose() => _time.Dispose();

    [Fact]
    public async Task CreateTimer_DueOnce_CallsBackOnceWithItsState()
    {
        var called = new TaskCompletionSource<object?>(TaskCreationOptions.RunContinuationsAsynchronously);
        long began = _time.GetTimestamp();
        using ITimer timer = _time.CreateTimer(
            s => Assert.True(called.TrySetResult(s)), "state", TimeSpan.FromMilliseconds(30), Timeout.InfiniteTimeSpan);
        Assert.Equal("state", await called.Task.WaitAsync(s_patience, TestContext.Current.CancellationToken));
        Assert.True(_time.GetElapsedTime(began) >= TimeSpan.FromMilliseconds(29));
    }

    [Fact]
    public async Task CreateTimer_Periodic_CallsBackUntilDisposed()
    {
        var calls = Channel.CreateUnbounded<int>();   // a call may still be under way when the test is over
        ITimer timer = _time.CreateTimer(_ => calls.Writer.TryWrite(1), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(2));
        for (int i = 0; i < 20; i++)
        {
            _ = await calls.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(s_patience, TestContext.Current.CancellationToken);
        }
        await timer.DisposeAsync();
        Assert.False(timer.Change(TimeSpan.Zero, TimeSpan.Zero));
    }

    [Fact]
    public async Task Change_BeforeItIsDue_MovesTheCall()
    {
        var order = new System.Collections.Concurrent.ConcurrentQueue<string>();
        var calls = Channel.CreateUnbounded<int>();
        void Called(object? name)
        {
            order.Enqueue((string)name!);
            calls.Writer.TryWrite(1);
        }
        Task CallAsync() => calls.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(s_patience, TestContext.Current.CancellationToken);
        using ITimer late = _time.CreateTimer(Called, "late", TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
        late.Change(TimeSpan.FromHours(1), Timeout.InfiniteTimeSpan);
        using ITimer soon = _time.CreateTimer(Called, "soon", TimeSpan.FromMilliseconds(40), Timeout.InfiniteTimeSpan);
        await CallAsync();
        late.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        await CallAsync();
        Assert.True(order is { Count: 2 or 3 } && order.Contains("soon") && order.Last() == "late", string.Join(',', order));
    }

    [Fact]
    public async Task CancellationTokenSource_WithTimeout_IsCancelled()
    {
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(5), _time);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.Delay(s_patience, source.Token));
    }
}
