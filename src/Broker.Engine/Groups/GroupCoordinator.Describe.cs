using Broker.Protocol.Messages;

namespace Broker.Engine.Groups;

/// <summary>What is told of groups.</summary>
internal sealed partial class GroupCoordinator
{
    public ClassicGroup? Find(string groupId) => _groups.GetValueOrDefault(groupId);

    public DescribeGroupsResponse.DescribedGroup Describe(string groupId)
    {
        var described = new DescribeGroupsResponse.DescribedGroup { GroupId = groupId, ErrorCode = Check(groupId, emptyAllowed: true) };
        if (described.ErrorCode != ErrorCode.None)
        {
            return described;
        }
        if (!_groups.TryGetValue(groupId, out ClassicGroup? group))
        {
            described.GroupState = nameof(GroupState.Dead);
            return described;
        }
        lock (group.Lock)
        {
            bool isStable = group.State == GroupState.Stable;
            described.GroupState = group.State.ToString();
            described.ProtocolType = group.ProtocolType ?? "";
            described.ProtocolData = isStable ? group.Protocol ?? "" : "";
            foreach (GroupMember member in group.Members)
            {
                described.Members.Add(new()
                {
                    MemberId = member.MemberId,
                    GroupInstanceId = member.InstanceId,
                    ClientId = member.ClientId,
                    ClientHost = member.ClientHost,
                    MemberMetadata = isStable ? member.MetadataOf(group.Protocol ?? "") : [],
                    MemberAssignment = isStable ? member.Assignment : [],
                });
            }
        }
        return described;
    }
}
