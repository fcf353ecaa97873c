using Broker.Engine;

namespace Simulation.World;

/// <summary>In place of a broker's worker threads: work begins after a moment by chance, so that what several threads were given
/// at about the same time begins in any order.</summary>
internal sealed class SimLoop(SimWorld world, SimProcess process) : IEventLoop
{
    public void Post(string threads, Action work) =>
        world.ScheduleMs(process, world.Chance(0.9) ? 0 : world.Between(0, 2), work);
}
