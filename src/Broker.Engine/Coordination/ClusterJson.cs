using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Broker.Engine.Metadata;

namespace Broker.Engine.Coordination;

/// <summary>A broker as it registers.</summary>
internal sealed record BrokerRegistration(BrokerImage Broker, long Epoch)
{
    /// <summary>The first registration of its process: an earlier one than this where its session expired since.</summary>
    public long FirstEpoch { get; init; } = Epoch;
}

/// <summary>Which replicas a topic's partitions have.</summary>
internal sealed record TopicAssignment(Guid Id, ImmutableSortedDictionary<int, ImmutableArray<int>> Partitions)
{
    /// <summary>Replicas that a reassignment is adding, by partition (KIP-455).</summary>
    public ImmutableSortedDictionary<int, ImmutableArray<int>> Adding { get; init; } = ImmutableSortedDictionary<int, ImmutableArray<int>>.Empty;

    /// <summary>Replicas that a reassignment takes away once it is through.</summary>
    public ImmutableSortedDictionary<int, ImmutableArray<int>> Removing { get; init; } = ImmutableSortedDictionary<int, ImmutableArray<int>>.Empty;
}

/// <summary>A partition's state as the controller wrote it.</summary>
internal sealed record PartitionStateNode(
    int Leader, int LeaderEpoch, ImmutableArray<int> InSyncReplicas, int ControllerEpoch, int Version)
{
    /// <summary>Whether the leader was not in sync as it was elected, and has not yet said that it has recovered (KIP-704).</summary>
    public bool IsRecovering { get; init; }
}

/// <summary>The data of the tree's nodes, in Kafka's own JSON (Kafka: ZkData). Reading throws <see cref="JsonException"/> or
/// <see cref="FormatException"/> for what is not. Stateless.</summary>
internal static class ClusterJson
{
    /// <summary>Characters stand as they are, except those that JSON itself needs.</summary>
    private static readonly JsonWriterOptions s_asKafka = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="broker">The broker.</param>
    /// <param name="nowMs">The time.</param>
    /// <param name="firstEpoch">The first registration of its process, or -1 where this is it. Kafka passes over the field.</param>
    public static byte[] Broker(BrokerImage broker, long nowMs, long firstEpoch = -1) => Write(json =>
    {
        BrokerEndpoint first = broker.Endpoints[0];
        json.WriteStartObject("features");
        json.WriteEndObject();
        json.WriteStartObject("listener_security_protocol_map");
        foreach (BrokerEndpoint endpoint in broker.Endpoints)
        {
            json.WriteString(endpoint.Listener, "PLAINTEXT");
        }
        json.WriteEndObject();
        json.WriteStartArray("endpoints");
        foreach (BrokerEndpoint endpoint in broker.Endpoints)
        {
            json.WriteStringValue($"{endpoint.Listener}://{endpoint.Host}:{endpoint.Port}");
        }
        json.WriteEndArray();
        json.WriteNumber("jmx_port", -1);
        json.WriteNumber("port", first.Port);
        json.WriteString("host", first.Host);
        json.WriteNumber("version", 5);
        json.WriteString("timestamp", nowMs.ToString(CultureInfo.InvariantCulture));
        if (broker.Rack is not null)
        {
            json.WriteString("rack", broker.Rack);
        }
        if (firstEpoch >= 0)
        {
            json.WriteNumber("first_epoch", firstEpoch);
        }
    });

    public static BrokerRegistration ReadBroker(int id, ReadOnlyMemory<byte> data, long epoch)
    {
        using var document = JsonDocument.Parse(data);
        JsonElement root = document.RootElement;
        var endpoints = ImmutableArray.CreateBuilder<BrokerEndpoint>();
        foreach (JsonElement one in root.GetProperty("endpoints").EnumerateArray())
        {
            string text = one.GetString()!;
            int scheme = text.IndexOf("://", StringComparison.Ordinal);
            int colon = text.LastIndexOf(':');
            endpoints.Add(new BrokerEndpoint(
                text[..scheme], text[(scheme + 3)..colon], int.Parse(text.AsSpan(colon + 1), CultureInfo.InvariantCulture), 0));
        }
        string? rack = root.TryGetProperty("rack", out JsonElement r) ? r.GetString() : null;
        var registration = new BrokerRegistration(new BrokerImage(id, rack, endpoints.ToImmutable()), epoch);
        return root.TryGetProperty("first_epoch", out JsonElement first)
            ? registration with { FirstEpoch = Math.Min(first.GetInt64(), epoch) } : registration;
    }

    public static byte[] Controller(int brokerId, long nowMs) => Write(json =>
    {
        json.WriteNumber("version", 2);
        json.WriteNumber("brokerid", brokerId);
        json.WriteString("timestamp", nowMs.ToString(CultureInfo.InvariantCulture));
        json.WriteNumber("kraftControllerEpoch", -1);
    });

    public static int ReadController(ReadOnlyMemory<byte> data)
    {
        using var document = JsonDocument.Parse(data);
        return document.RootElement.GetProperty("brokerid").GetInt32();
    }

    /// <summary>The partitions that a note of /isr_change_notification names.</summary>
    public static IReadOnlyList<TopicPartition> ReadPartitions(ReadOnlyMemory<byte> data)
    {
        using var document = JsonDocument.Parse(data);
        return
        [
            .. document.RootElement.GetProperty("partitions").EnumerateArray()
                .Select(p => new TopicPartition(p.GetProperty("topic").GetString()!, p.GetProperty("partition").GetInt32())),
        ];
    }

    public static byte[] Topic(TopicAssignment topic) => Write(json =>
    {
        WriteReplicas(json, "partitions", topic.Partitions);
        json.WriteString("topic_id", Uuids.Format(topic.Id));
        WriteReplicas(json, "adding_replicas", topic.Adding);
        WriteReplicas(json, "removing_replicas", topic.Removing);
        json.WriteNumber("version", 3);
    });

    private static void WriteReplicas(Utf8JsonWriter json, string name, ImmutableSortedDictionary<int, ImmutableArray<int>> replicas)
    {
        json.WriteStartObject(name);
        foreach (int partition in InKafkasOrder([.. replicas.Keys]))
        {
            json.WriteStartArray(partition.ToString(CultureInfo.InvariantCulture));
            WriteAll(json, replicas[partition]);
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    /// <summary>Numbers in the order in which Kafka writes them as keys: it keeps them as strings in a hash table (Scala's
    /// mutable.HashMap), which has 16 buckets and doubles when it is three quarters full.</summary>
    private static IEnumerable<int> InKafkasOrder(int[] numbers)
    {
        int buckets = 16;
        while (numbers.Length >= buckets / 4 * 3)
        {
            buckets *= 2;
        }
        return numbers.Select(n => (Number: n, Hash: Hash(n))).OrderBy(n => n.Hash & (buckets - 1)).ThenBy(n => n.Hash).Select(n => n.Number);
    }

    /// <summary>Java's hash of a string, its upper bits mixed into the lower ones.</summary>
    private static int Hash(int number)
    {
        int hash = 0;
        foreach (char digit in number.ToString(CultureInfo.InvariantCulture))
        {
            hash = unchecked((hash * 31) + digit);
        }
        return hash ^ (hash >>> 16);
    }

    public static TopicAssignment ReadTopic(ReadOnlyMemory<byte> data)
    {
        using var document = JsonDocument.Parse(data);
        JsonElement root = document.RootElement;
        Guid id = root.TryGetProperty("topic_id", out JsonElement text) && Uuids.TryParse(text.GetString(), out Guid parsed)
            ? parsed : Guid.Empty;
        return new TopicAssignment(id, ReadReplicas(root, "partitions"))
        {
            Adding = ReadReplicas(root, "adding_replicas"),
            Removing = ReadReplicas(root, "removing_replicas"),
        };
    }

    /// <summary>Replicas by partition; none where the node has no such field, as one of before KIP-455.</summary>
    private static ImmutableSortedDictionary<int, ImmutableArray<int>> ReadReplicas(JsonElement root, string name)
    {
        var replicas = ImmutableSortedDictionary.CreateBuilder<int, ImmutableArray<int>>();
        if (root.TryGetProperty(name, out JsonElement given))
        {
            foreach (JsonProperty one in given.EnumerateObject())
            {
                replicas[int.Parse(one.Name, CultureInfo.InvariantCulture)] = ReadInts(one.Value);
            }
        }
        return replicas.ToImmutable();
    }

    /// <summary>What Kafka's tools of before 2.4 write to have replicas moved.</summary>
    public static byte[] Reassignment(IEnumerable<KeyValuePair<TopicPartition, ImmutableArray<int>>> partitions) => Write(json =>
    {
        json.WriteNumber("version", 1);
        json.WriteStartArray("partitions");
        foreach ((TopicPartition partition, ImmutableArray<int> replicas) in partitions)
        {
            json.WriteStartObject();
            json.WriteString("topic", partition.Topic);
            json.WriteNumber("partition", partition.Partition);
            json.WriteStartArray("replicas");
            WriteAll(json, replicas);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    public static IReadOnlyList<KeyValuePair<TopicPartition, ImmutableArray<int>>> ReadReassignment(ReadOnlyMemory<byte> data)
    {
        using var document = JsonDocument.Parse(data);
        return
        [
            .. document.RootElement.GetProperty("partitions").EnumerateArray().Select(p => KeyValuePair.Create(
                new TopicPartition(p.GetProperty("topic").GetString()!, p.GetProperty("partition").GetInt32()),
                ReadInts(p.GetProperty("replicas")))),
        ];
    }

    /// <summary>A broker's note that one of its disks has failed.</summary>
    public static byte[] LogDirEvent(int broker) => Write(json =>
    {
        json.WriteNumber("version", 1);
        json.WriteNumber("broker", broker);
        json.WriteNumber("event", 1);
    });

    public static int ReadLogDirEvent(ReadOnlyMemory<byte> data)
    {
        using var document = JsonDocument.Parse(data);
        return document.RootElement.GetProperty("broker").GetInt32();
    }

    public static byte[] PartitionState(PartitionStateNode state) => Write(json =>
    {
        json.WriteNumber("controller_epoch", state.ControllerEpoch);
        json.WriteNumber("leader", state.Leader);
        json.WriteNumber("version", 1);
        if (state.IsRecovering)
        {
            json.WriteNumber("leader_recovery_state", 1);
        }
        json.WriteNumber("leader_epoch", state.LeaderEpoch);
        json.WriteStartArray("isr");
        WriteAll(json, state.InSyncReplicas);
        json.WriteEndArray();
    });

    public static PartitionStateNode ReadPartitionState(ReadOnlyMemory<byte> data, int version)
    {
        using var document = JsonDocument.Parse(data);
        JsonElement root = document.RootElement;
        return new PartitionStateNode(
            root.GetProperty("leader").GetInt32(), root.GetProperty("leader_epoch").GetInt32(),
            ReadInts(root.GetProperty("isr")), root.GetProperty("controller_epoch").GetInt32(), version)
        {
            IsRecovering = root.TryGetProperty("leader_recovery_state", out JsonElement recovery) && recovery.GetInt32() == 1,
        };
    }

    public static byte[] Config(IEnumerable<KeyValuePair<string, string>> entries) => Write(json =>
    {
        json.WriteNumber("version", 1);
        json.WriteStartObject("config");
        foreach ((string name, string value) in entries)
        {
            json.WriteString(name, value);
        }
        json.WriteEndObject();
    });

    public static Dictionary<string, string> ReadConfig(ReadOnlyMemory<byte> data)
    {
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!data.IsEmpty)
        {
            using var document = JsonDocument.Parse(data);
            foreach (JsonProperty one in document.RootElement.GetProperty("config").EnumerateObject())
            {
                entries[one.Name] = one.Value.GetString() ?? "";
            }
        }
        return entries;
    }

    public static byte[] ConfigChange(string entityPath) => Write(json =>
    {
        json.WriteNumber("version", 2);
        json.WriteString("entity_path", entityPath);
    });

    public static byte[] ClusterId(string id) => Write(json =>
    {
        json.WriteString("version", "1");
        json.WriteString("id", id);
    });

    public static string ReadClusterId(ReadOnlyMemory<byte> data)
    {
        using var document = JsonDocument.Parse(data);
        return document.RootElement.GetProperty("id").GetString()!;
    }

    public static byte[] ProducerIdBlock(int broker, long start, long end) => Write(json =>
    {
        json.WriteNumber("version", 1);
        json.WriteNumber("broker", broker);
        json.WriteString("block_start", start.ToString(CultureInfo.InvariantCulture));
        json.WriteString("block_end", end.ToString(CultureInfo.InvariantCulture));
    });

    public static long ReadProducerIdBlockEnd(ReadOnlyMemory<byte> data)
    {
        using var document = JsonDocument.Parse(data);
        return long.Parse(document.RootElement.GetProperty("block_end").GetString()!, CultureInfo.InvariantCulture);
    }

    /// <summary>No feature is finalized, and all may be (Kafka: FeatureZNode, version 2, enabled).</summary>
    public static byte[] Feature() => Write(json =>
    {
        json.WriteStartObject("features");
        json.WriteEndObject();
        json.WriteNumber("version", 2);
        json.WriteNumber("status", 1);
    });

    private static ImmutableArray<int> ReadInts(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    private static void WriteAll(Utf8JsonWriter json, ImmutableArray<int> values)
    {
        foreach (int value in values)
        {
            json.WriteNumberValue(value);
        }
    }

    private static byte[] Write(Action<Utf8JsonWriter> body)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, s_asKafka))
        {
            json.WriteStartObject();
            body(json);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }
}
