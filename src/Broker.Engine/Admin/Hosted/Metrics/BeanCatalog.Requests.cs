using Broker.Engine.Diagnostics;
using Broker.Protocol.Messages;

namespace Broker.Engine.Admin.Hosted.Metrics;

/// <summary>Requests by API.</summary>
internal static partial class BeanCatalog
{
    private static IEnumerable<BeanFamily> RequestFamilies() =>
    [
        new(NetworkDomain, "RequestMetrics", "RequestsPerSec", BeanKind.Meter, (b, sink) =>
        {
            foreach (RequestApi api in b.Metrics.Requests.Apis())
            {
                foreach ((int version, Diagnostics.Meter meter) in api.Versions())
                {
                    sink.Meter(default(Tags).And("request", api.Name).And("version", version), meter);
                }
            }
        }),
        new(NetworkDomain, "RequestMetrics", "ErrorsPerSec", BeanKind.Meter, (b, sink) =>
        {
            foreach (RequestApi api in b.Metrics.Requests.Apis())
            {
                foreach ((ErrorCode code, Diagnostics.Meter meter) in api.Errors())
                {
                    sink.Meter(default(Tags).And("request", api.Name).And("error", code.Name()), meter);
                }
            }
        }),
        .. Enum.GetValues<RequestFigure>().Select(figure => new BeanFamily(
            NetworkDomain, "RequestMetrics", figure.ToString(), BeanKind.Histogram, (b, sink) =>
            {
                foreach (RequestApi api in b.Metrics.Requests.Apis())
                {
                    if (api.Find(figure) is { } histogram)
                    {
                        sink.Histogram(default(Tags).And("request", api.Name), histogram);
                    }
                }
            })),
    ];
}
