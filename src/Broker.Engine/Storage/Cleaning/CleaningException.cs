namespace Broker.Engine.Storage.Cleaning;

/// <summary>A log cannot be cleaned as it is; it is left alone until the broker starts again.</summary>
internal sealed class CleaningException(string message) : Exception(message);

/// <summary>A cleaning was told to stop: the log goes, moves or is cut, or the broker stops. Nothing has changed by the part
/// that was under way.</summary>
internal sealed class CleaningAbortedException() : Exception("the cleaning was aborted");
