using Broker.Protocol.Messages;

namespace Broker.Engine.Administration;

/// <summary>How a change of the cluster ended: an error with Kafka's words for the client, or none.</summary>
internal readonly record struct Outcome(ErrorCode Error, string? Message)
{
    public static readonly Outcome Done;

    public bool IsDone => Error == ErrorCode.None;

    public static Outcome Refused(ErrorCode error, string message) => new(error, message);
}
