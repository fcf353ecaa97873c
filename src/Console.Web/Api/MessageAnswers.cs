using System.ComponentModel;
using System.Text;
using Broker.Engine.Admin;

namespace WebConsole.Api;

/// <summary>Which records to read.</summary>
internal sealed class BrowseQuery
{
    [Description("One partition; all unless given.")]
    public int? Partition { get; init; }

    [Description("Where to begin; Newest unless given.")]
    public BrowseFrom? From { get; init; }

    [Description("For from=Offset.")]
    public long? Offset { get; init; }

    [Description("For from=Timestamp.")]
    public DateTimeOffset? Timestamp { get; init; }

    [Description("Records wanted, 1 to 1000; 50 unless given.")]
    public int? Limit { get; init; }

    [Description("Only records whose key, value or a header contains this text.")]
    public string? Contains { get; init; }
}

/// <summary>Which records to follow.</summary>
internal sealed class FollowQuery
{
    [Description("One partition; all unless given.")]
    public int? Partition { get; init; }

    [Description("Only records whose key, value or a header contains this text.")]
    public string? Contains { get; init; }
}

/// <summary>A record to produce. Texts are UTF-8; bytes go in base64 instead. A key or value that is neither given is null:
/// a null value is a tombstone.</summary>
/// <param name="Key">Text.</param>
/// <param name="KeyBase64">Bytes, in place of the text.</param>
/// <param name="Value">Text.</param>
/// <param name="ValueBase64">Bytes, in place of the text.</param>
/// <param name="Headers">In order; names may come again.</param>
/// <param name="Partition">Chosen by the key, or in turn without one, unless given.</param>
/// <param name="Compression">none, gzip, snappy, lz4 or zstd.</param>
/// <param name="Timestamp">Now, unless given.</param>
internal sealed record MessageRequest(
    string? Key = null, string? KeyBase64 = null, string? Value = null, string? ValueBase64 = null, IReadOnlyList<HeaderAnswer>? Headers = null,
    int? Partition = null, string? Compression = null, DateTimeOffset? Timestamp = null)
{
    public NewMessage ToMessage(string topic) => new()
    {
        Topic = topic,
        Partition = Partition,
        Key = ApiBytes.Of(Key, KeyBase64, "key"),
        Value = ApiBytes.Of(Value, ValueBase64, "value"),
        Headers = [.. (Headers ?? []).Select(h => KeyValuePair.Create(h.Key, ApiBytes.Of(h.Value, h.ValueBase64, "a header's value")))],
        Compression = Compression ?? "none",
        Timestamp = Timestamp,
    };
}

/// <summary>Records, how many were looked at, and whether a limit ended the search.</summary>
internal sealed record MessagesAnswer(IReadOnlyList<MessageAnswer> Messages, long Scanned, bool IsPartial);

/// <summary>An event of a tail: records that came, how many were left out because the reader was slow, or why it ends.</summary>
internal sealed record TailAnswer(IReadOnlyList<MessageAnswer> Messages, long Skipped, ApiProblem? Problem);

/// <summary>A header; bytes that are not UTF-8 text are given in base64 alone. A null value has neither.</summary>
internal sealed record HeaderAnswer(string Key, string? Value = null, string? ValueBase64 = null);

/// <summary>A record. Bytes that are not UTF-8 text are given in base64 alone; a null key or value has neither.</summary>
internal sealed record MessageAnswer(
    int Partition, long Offset, DateTimeOffset Timestamp, string TimestampType, string? Key, string? Value, string? KeyBase64, string? ValueBase64,
    int KeyBytes, int ValueBytes, bool IsCut, IReadOnlyList<HeaderAnswer> Headers, string Compression, int LeaderEpoch, long ProducerId)
{
    public static MessageAnswer Of(MessageView m) => new(
        m.Partition, m.Offset, m.Timestamp, m.TimestampType, ApiBytes.Text(m.Key), ApiBytes.Text(m.Value), ApiBytes.Base64(m.Key),
        ApiBytes.Base64(m.Value), m.KeyBytes, m.ValueBytes, m.IsCut,
        [.. m.Headers.Select(h => new HeaderAnswer(h.Key, ApiBytes.Text(h.Value), ApiBytes.Base64(h.Value)))],
        m.Compression, m.LeaderEpoch, m.ProducerId);
}

/// <summary>Bytes as JSON carries them. Stateless and thread-safe.</summary>
internal static class ApiBytes
{
    private static readonly UTF8Encoding s_strict = new(false, true);

    /// <exception cref="AdminException">INVALID_REQUEST.</exception>
    public static ReadOnlyMemory<byte>? Of(string? text, string? base64, string what)
    {
        if (text is not null && base64 is not null)
        {
            throw new AdminException("INVALID_REQUEST", $"Give {what} as text or in base64, not both.");
        }
        try
        {
            return text is not null ? Encoding.UTF8.GetBytes(text) : base64 is null ? (ReadOnlyMemory<byte>?)null : Convert.FromBase64String(base64);
        }
        catch (FormatException)
        {
            throw new AdminException("INVALID_REQUEST", $"The base64 of {what} cannot be read.");
        }
    }

    public static string? Base64(ReadOnlyMemory<byte>? bytes) => bytes is { } given ? Convert.ToBase64String(given.Span) : null;

    public static string? Text(ReadOnlyMemory<byte>? bytes)
    {
        try
        {
            return bytes is { } given ? s_strict.GetString(given.Span) : null;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
