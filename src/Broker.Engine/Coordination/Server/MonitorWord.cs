using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Broker.Engine.Coordination.Server;

/// <summary>ZooKeeper's mntr, with its names: those of its lines that mean something for one server without an ensemble. Stateless.</summary>
internal static class MonitorWord
{
    public static string Answer(TreeServer server)
    {
        (int nodes, int ephemerals, long bytes) = server.Store.Survey();
        ServedFigures figures = server.Figures;
        (_, _, long min, double mean, long max) = figures.All.Now;
        (int last, int shortest, int longest) = figures.ResponseBytes;
        int connections = server.Connections().Length;
        int descriptors;
        using (var process = Process.GetCurrentProcess())
        {
            descriptors = process.HandleCount;
        }
        var text = new StringBuilder();
        foreach ((string name, object value) in ((string, object)[])
            [
                ("version", FourLetterWords.Version), ("server_state", "standalone"), ("ephemerals_count", ephemerals),
                ("num_alive_connections", connections), ("avg_latency", Real(mean)), ("outstanding_requests", 0), ("znode_count", nodes),
                ("global_sessions", server.SessionCount), ("non_mtls_remote_conn_count", 0), ("last_client_response_size", last),
                ("packets_sent", figures.Sent), ("packets_received", figures.Received), ("max_client_response_size", longest),
                ("connection_drop_probability", "0.0"), ("watch_count", server.Watches.Count().Watches),
                ("auth_failed_count", figures.AuthFailures), ("min_latency", min), ("max_file_descriptor_count", server.Options.DescriptorsMax),
                ("approximate_data_size", bytes), ("open_file_descriptor_count", descriptors), ("local_sessions", 0),
                ("uptime", (long)server.Uptime.TotalMilliseconds), ("max_latency", max), ("outstanding_tls_handshake", 0),
                ("min_client_response_size", shortest), ("non_mtls_local_conn_count", 0), ("connection_rejected", figures.Rejected),
                ("connection_drop_count", figures.Dropped), ("bytes_received_count", figures.BytesReceived),
                ("connection_request_count", figures.Handshakes), ("response_bytes", figures.BytesSent),
            ])
        {
            text.Append(CultureInfo.InvariantCulture, $"zk_{name}\t{value}\n");
        }
        Write(text, "updatelatency", figures.Writes);
        Write(text, "readlatency", figures.Reads);
        return text.ToString();
    }

    private static void Write(StringBuilder text, string name, LatencyFigures latency)
    {
        (long count, long sum, long min, double mean, long max) = latency.Now;
        text.Append(
            CultureInfo.InvariantCulture,
            $"zk_avg_{name}\t{Real(mean)}\nzk_min_{name}\t{min}\nzk_max_{name}\t{max}\nzk_cnt_{name}\t{count}\nzk_sum_{name}\t{sum}\n");
        foreach ((string share, double of) in ((string, double)[])[("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)])
        {
            text.Append(CultureInfo.InvariantCulture, $"zk_{share}_{name}\t{latency.Percentile(of)}\n");
        }
    }

    /// <summary>As Java shows a number that is none of the whole ones.</summary>
    public static string Real(double value) => value.ToString("0.0###", CultureInfo.InvariantCulture);
}
