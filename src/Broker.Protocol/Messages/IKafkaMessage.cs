using Broker.Protocol.Wire;

namespace Broker.Protocol.Messages;

/// <summary>A message with generated, version-aware codecs. Instances may be read into again and again: lists keep
/// their elements for reuse. Not thread-safe.</summary>
public interface IKafkaMessage
{
    /// <summary>Reads all fields of <paramref name="version"/>; absent ones take their defaults.</summary>
    /// <exception cref="MalformedRequestException">The bytes are not a message of this version.</exception>
    void Read(ref KafkaReader reader, short version);

    /// <summary>Writes the message as <paramref name="version"/>.</summary>
    /// <exception cref="UnsupportedVersionException">The version is not supported, or a field that it lacks, and that
    /// is not ignorable, has a value other than its default.</exception>
    void Write(KafkaWriter writer, short version);

    /// <summary>Tells <paramref name="counter"/> every error code that the message carries in a version, NONE included.</summary>
    void CountErrors(IErrorCounter counter, short version);
}

/// <summary>Counts error codes.</summary>
public interface IErrorCounter
{
    void Add(ErrorCode code, int times = 1);
}

/// <summary>A request or response of an API: what <see cref="ApiCatalog"/> lists.</summary>
public interface IApiMessage : IKafkaMessage
{
    static abstract ApiKey Api { get; }
    static abstract short LowestVersion { get; }
    static abstract short HighestVersion { get; }

    /// <summary>First version with compact lengths and tagged fields; <see cref="short.MaxValue"/> if none has.</summary>
    static abstract short FirstFlexibleVersion { get; }
}

/// <summary>The message cannot be expressed in the version asked for. An answer for a client, never a broken stream.</summary>
public sealed class UnsupportedVersionException(string message) : Exception(message);
