using Simulation.World;

namespace Simulation.Checks;

/// <summary>
/// What the members of a consumer group were told, against what must hold: a generation has one owner a partition, committed
/// offsets are not lost and do not go back, and members of a generation that is over commit nothing. What a broker answers that
/// is coordinator no more counts only when a commit has proved that it still was. Not thread-safe.
/// </summary>
internal sealed class GroupHistory(History history)
{
    private readonly Dictionary<(int Generation, TopicPart Part), string> _owners = [];
    private readonly Dictionary<string, int> _generations = [];
    private readonly Dictionary<TopicPart, (long Offset, int Generation)> _acknowledged = [];
    private readonly Dictionary<TopicPart, long> _sent = [];

    /// <summary>Partitions of the topic that holds what was committed; where one may lose what was not synced, nothing is said.</summary>
    private bool IsTainted => history.IsTaintedTopic("__consumer_offsets");

    /// <summary>The largest offset that was committed, and the generation that did.</summary>
    public (long Offset, int Generation) AcknowledgedOf(TopicPart part) => _acknowledged.GetValueOrDefault(part, (0, -1));

    public void Assigned(string member, int generation, IEnumerable<TopicPart> parts)
    {
        if (IsTainted)
        {
            return;
        }
        if (_generations.TryGetValue(member, out int before) && generation <= before)
        {
            history.Fail($"16: {member} got generation {generation} after {before}");
        }
        _generations[member] = generation;
        foreach (TopicPart part in parts)
        {
            if (!_owners.TryAdd((generation, part), member) && _owners[(generation, part)] != member)
            {
                history.Fail($"16: {part} is owned by {_owners[(generation, part)]} and {member} in generation {generation}");
            }
        }
    }

    public void Committing(TopicPart part, long offset) => _sent[part] = Math.Max(offset, _sent.GetValueOrDefault(part));

    /// <summary>A commit was acknowledged.</summary>
    /// <param name="member">Who committed.</param>
    /// <param name="generation">In which generation.</param>
    /// <param name="part">For which partition.</param>
    /// <param name="offset">What.</param>
    /// <param name="generationBefore">The newest generation whose commit was acknowledged before this one was sent.</param>
    public void Committed(string member, int generation, TopicPart part, long offset, int generationBefore)
    {
        if (generationBefore > generation && !IsTainted)
        {
            history.Fail($"16: {member} committed {offset} for {part} in generation {generation}, after generation {generationBefore} had");
        }
        (long Offset, int Generation) known = AcknowledgedOf(part);
        _acknowledged[part] = (Math.Max(offset, known.Offset), Math.Max(generation, known.Generation));
    }

    /// <summary>What a member was told at its start, which its first commit has proved.</summary>
    public void Fetched(string member, TopicPart part, long offset, long acknowledgedBefore)
    {
        if (!IsTainted && (offset < acknowledgedBefore || offset > _sent.GetValueOrDefault(part)))
        {
            history.Fail(
                $"16: {member} was told {offset} for {part}, where {acknowledgedBefore} was acknowledged and {_sent.GetValueOrDefault(part)} sent");
        }
    }
}
