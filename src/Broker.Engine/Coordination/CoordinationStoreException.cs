namespace Broker.Engine.Coordination;

/// <summary>The store cannot be opened or is damaged; the message is one line for the operator.</summary>
internal sealed class CoordinationStoreException : Exception
{
    public CoordinationStoreException(string message) : base(message) { }
    public CoordinationStoreException(string message, Exception inner) : base(message, inner) { }
}
