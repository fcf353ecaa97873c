using Broker.Engine.Admin;
using Broker.Engine.Diagnostics;
using Broker.Protocol.Messages;

namespace Broker.Engine.Tests.Diagnostics;

/// <summary>Where the time of requests goes, on a live broker.</summary>
public sealed class RequestPhaseTests(MetricsFixture fixture) : IClassFixture<MetricsFixture>
{
    [Fact]
    public async Task Phases_OfALongPoll_AreItsWait()
    {
        await fixture.FetchAsync(offset: MetricsFixture.Records, maxWaitMs: 300);
        RequestApi fetch = fixture.Broker.Metrics.Requests.Apis().Single(a => a.Name == "FetchConsumer");
        // The client has its answer, so the thread has sent it, but may not have counted it yet.
        SpinWait.SpinUntil(() => fetch.Find(RequestFigure.TotalTimeMs)!.Read().Max >= 300, TimeSpan.FromSeconds(10));
        Assert.InRange(fetch.Find(RequestFigure.RemoteTimeMs)!.Read().Max, 290, 5000);
        Assert.InRange(fetch.Find(RequestFigure.LocalTimeMs)!.Read().Max, 0.001, 250);
        HistogramFigures total = fetch.Find(RequestFigure.TotalTimeMs)!.Read();
        double phases = new[]
        {
            RequestFigure.RequestQueueTimeMs, RequestFigure.LocalTimeMs, RequestFigure.RemoteTimeMs, RequestFigure.ResponseQueueTimeMs,
            RequestFigure.ResponseSendTimeMs,
        }.Sum(f => fetch.Find(f)!.Read() is var figures ? figures.Mean * figures.Count : 0);
        Assert.Equal(total.Mean * total.Count, phases, 6);
    }

    [Fact]
    public async Task Requests_InTheBrokersView_ShowWhatWasCalled()
    {
        using var admin = (IDisposable)ClusterDoor.Open(fixture.Cluster);
        await fixture.CommitAsync(offset: 1);
        RequestRateView commit = ((IClusterAdmin)admin).Broker(0).Requests.Single(r => r.Api == nameof(ApiKey.OffsetCommit));
        Assert.InRange(commit.Total, 1, fixture.Commits);
        Assert.True(commit.TotalMsP99 >= commit.TotalMsP50 && commit.TotalMsP50 > 0);
    }
}
