using Broker.Engine.Requests;

namespace Broker.Engine.Handlers;

/// <summary>
/// Keeps a controller's requests in their order. It sends them over one connection, and when it waits for an answer in vain,
/// again over the next: what arrives over an older one after that is late, and much may have changed. Thread-safe.
/// </summary>
internal sealed class ControlOrder
{
    private readonly Lock _lock = new();
    private int _controllerEpoch = -1;
    private long _connection;

    /// <summary>Carries a request out, unless a later connection of its controller has brought one already.</summary>
    /// <param name="controllerEpoch">Whose request it is.</param>
    /// <param name="connection">The number of the connection that it came over; they rise.</param>
    /// <param name="apply">Carries it out, while no other request of a controller is.</param>
    /// <exception cref="OvertakenRequestException">It is late. Its connection ends with it: should the sender be there after
    /// all, it sends again.</exception>
    public TResponse Run<TResponse>(int controllerEpoch, long connection, Func<TResponse> apply)
    {
        lock (_lock)
        {
            if (controllerEpoch == _controllerEpoch && connection < _connection)
            {
                throw new OvertakenRequestException();
            }
            if (controllerEpoch >= _controllerEpoch)
            {
                (_controllerEpoch, _connection) = (controllerEpoch, connection);
            }
            return apply();
        }
    }
}
