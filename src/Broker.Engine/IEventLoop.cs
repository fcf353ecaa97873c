namespace Broker.Engine;

/// <summary>Runs what a broker's own threads would, where it has none: a simulation of a whole cluster in one thread. It runs
/// one thing at a time, to its end.</summary>
internal interface IEventLoop
{
    /// <summary>Runs <paramref name="work"/> later.</summary>
    /// <param name="threads">Name of the threads that it is in place of.</param>
    /// <param name="work">It throws nothing.</param>
    void Post(string threads, Action work);
}
