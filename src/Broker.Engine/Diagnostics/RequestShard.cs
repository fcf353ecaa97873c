using Broker.Protocol.Messages;

namespace Broker.Engine.Diagnostics;

/// <summary>Where the time and the memory of a request go; the histograms of Kafka's RequestMetrics.</summary>
internal enum RequestFigure
{
    RequestQueueTimeMs,
    LocalTimeMs,
    RemoteTimeMs,
    ThrottleTimeMs,
    ResponseQueueTimeMs,
    ResponseSendTimeMs,
    TotalTimeMs,
    RequestBytes,
    MessageConversionsTimeMs,
    TemporaryMemoryBytes,
}

/// <summary>One API on one network thread. One writer: that thread; readers see a recent state.</summary>
internal sealed class RequestShard : IErrorCounter
{
    public const int FigureCount = (int)RequestFigure.TemporaryMemoryBytes + 1;
    public const int VersionCount = 32;

    /// <summary>Codes from -1 on; what is beyond counts as UNKNOWN_SERVER_ERROR.</summary>
    public const int ErrorCount = 160;

    private readonly HistogramShard[] _figures =
        [.. Enumerable.Range(0, FigureCount).Select(f => new HistogramShard(IsTime((RequestFigure)f) ? LatencyTimer.Shift : 0))];

    /// <summary>Requests counted: zeros are not recorded in the figures but for the last two times.</summary>
    internal long Requests;
    internal readonly long[] Versions = new long[VersionCount];
    internal readonly long[] Errors = new long[ErrorCount];

    public static bool IsTime(RequestFigure figure) => figure is not (RequestFigure.RequestBytes or RequestFigure.TemporaryMemoryBytes);

    public HistogramShard Of(RequestFigure figure) => _figures[(int)figure];

    public void Add(ErrorCode code, int times = 1)
    {
        int index = (int)code + 1;
        Errors[(uint)index < ErrorCount ? index : 0] += times;
    }
}

/// <summary>What one network thread sent over one listener, and how large the largest answer of late was.</summary>
internal sealed class SendCounts
{
    internal long Requests;
    internal long RequestBytes;
    internal long Responses;
    internal long ResponseBytes;
    internal long ResponseBytesMax;
}
