using System.Text;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Interop;

/// <summary>A fetch that finds nothing and waits.</summary>
internal static class LongPoll
{
    public static byte[] Frame(string topic, int maxWaitMs = 60_000)
    {
        var request = new FetchRequest { MaxWaitMs = maxWaitMs, MinBytes = 1, MaxBytes = 1 << 20, SessionEpoch = -1 };
        var asked = new FetchRequest.FetchTopic { Topic = Encoding.UTF8.GetBytes(topic) };
        asked.Partitions.Add(new() { Partition = 0, FetchOffset = 0, PartitionMaxBytes = 1 << 20, CurrentLeaderEpoch = -1 });
        request.Topics.Add(asked);
        var writer = new KafkaWriter();
        int sizeAt = writer.ReserveInt32();
        new RequestHeader((short)ApiKey.Fetch, 11, 1, "poll"u8.ToArray()).Write(writer, ApiCatalog.Get(ApiKey.Fetch).RequestHeaderVersion(11));
        request.Write(writer, 11);
        writer.PatchInt32(sizeAt, writer.Position - sizeof(int));
        return writer.WrittenSpan.ToArray();
    }
}
