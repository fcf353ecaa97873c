namespace Broker.Engine.Transport.Reactor;

/// <summary>The connections of a reactor by their last activity, oldest first: an intrusive list, so that touching a
/// connection is O(1). Belongs to the reactor's thread.</summary>
internal sealed class IdleList
{
    private ReactorConnection? _newest;

    public ReactorConnection? Oldest { get; private set; }

    public void Add(ReactorConnection connection)
    {
        connection.IdlePrevious = _newest;
        connection.IdleNext = null;
        if (_newest is null)
        {
            Oldest = connection;
        }
        else
        {
            _newest.IdleNext = connection;
        }
        _newest = connection;
    }

    public void Remove(ReactorConnection connection)
    {
        if (connection.IdlePrevious is null)
        {
            Oldest = connection.IdleNext;
        }
        else
        {
            connection.IdlePrevious.IdleNext = connection.IdleNext;
        }
        if (connection.IdleNext is null)
        {
            _newest = connection.IdlePrevious;
        }
        else
        {
            connection.IdleNext.IdlePrevious = connection.IdlePrevious;
        }
        connection.IdleNext = null;
        connection.IdlePrevious = null;
    }

    public void Touch(ReactorConnection connection, long nowMs)
    {
        connection.LastActiveMs = nowMs;
        if (_newest != connection)
        {
            Remove(connection);
            Add(connection);
        }
    }
}
