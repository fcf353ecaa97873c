using Broker.Engine.Administration;
using Broker.Engine.Groups;
using Broker.Engine.Metadata;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers.Groups;

/// <summary>FindCoordinator: the leader of the group's partition of the offsets topic, which is made on first use.</summary>
internal sealed class FindCoordinatorHandler(GroupCoordinator groups, MetadataCache metadata, AutoTopicCreation creation)
    : DirectHandler<FindCoordinatorRequest, FindCoordinatorResponse>
{
    private const sbyte GroupKey = 0;
    private const sbyte TransactionKey = 1;
    private const short BatchVersion = 4;

    protected override FindCoordinatorResponse Handle(RequestContext context, FindCoordinatorRequest request)
    {
        var response = new FindCoordinatorResponse();
        if (context.Version >= BatchVersion)
        {
            foreach (string key in request.CoordinatorKeys)
            {
                (ErrorCode error, string? message, BrokerEndpoint? endpoint, int node) = Find(key, request.KeyType, context.Listener);
                response.Coordinators.Add(new()
                {
                    Key = key,
                    ErrorCode = error,
                    ErrorMessage = message ?? "",
                    NodeId = node,
                    Host = endpoint?.Host ?? "",
                    Port = endpoint?.Port ?? -1,
                });
            }
            return response;
        }
        (response.ErrorCode, response.ErrorMessage, BrokerEndpoint? single, response.NodeId) = Find(request.Key, request.KeyType, context.Listener);
        response.ErrorMessage ??= response.ErrorCode == ErrorCode.None ? "NONE" : "The coordinator is not available.";
        response.Host = single?.Host ?? "";
        response.Port = single?.Port ?? -1;
        return response;
    }

    private (ErrorCode Error, string? Message, BrokerEndpoint? Endpoint, int Node) Find(string key, sbyte type, string listener)
    {
        if (type == TransactionKey)
        {
            return (ErrorCode.CoordinatorNotAvailable, "Transactions are not served by this broker.", null, -1);
        }
        if (type != GroupKey)
        {
            return (ErrorCode.InvalidRequest, $"Unsupported coordinator key type {type}.", null, -1);
        }
        int partition = groups.PartitionFor(key);
        if (partition < 0)
        {
            creation.BeginOffsetsTopic();
            return (ErrorCode.CoordinatorNotAvailable, null, null, -1);
        }
        MetadataImage image = metadata.Current;
        return image.Partition(InternalTopics.ConsumerOffsets, partition) is { Leader: >= 0 and int leader }
            && image.Brokers.GetValueOrDefault(leader)?.On(listener) is { } endpoint
                ? (ErrorCode.None, null, endpoint, leader)
                : (ErrorCode.CoordinatorNotAvailable, null, null, -1);
    }
}

internal sealed class DescribeGroupsHandler(GroupCoordinator groups) : DirectHandler<DescribeGroupsRequest, DescribeGroupsResponse>
{
    private const short NotFoundVersion = 6;

    protected override DescribeGroupsResponse Handle(RequestContext context, DescribeGroupsRequest request)
    {
        var response = new DescribeGroupsResponse();
        foreach (string id in request.Groups)
        {
            DescribeGroupsResponse.DescribedGroup described = groups.Describe(id);
            if (described is { ErrorCode: ErrorCode.None, GroupState: "Dead" } && context.Version >= NotFoundVersion)
            {
                (described.ErrorCode, described.ErrorMessage) = (ErrorCode.GroupIdNotFound, $"Group {id} not found.");
            }
            described.AuthorizedOperations = request.IncludeAuthorizedOperations && described.ErrorCode == ErrorCode.None
                ? AuthorizedOperations.Group : AuthorizedOperations.NotAsked;
            response.Groups.Add(described);
        }
        return response;
    }
}

internal sealed class ListGroupsHandler(GroupCoordinator groups) : DirectHandler<ListGroupsRequest, ListGroupsResponse>
{
    private const string Classic = "classic";

    protected override ListGroupsResponse Handle(RequestContext context, ListGroupsRequest request)
    {
        var response = new ListGroupsResponse();
        if (groups.IsLoading)
        {
            response.ErrorCode = ErrorCode.CoordinatorLoadInProgress;
            return response;
        }
        bool typeFits = request.TypesFilter.Count == 0 || request.TypesFilter.Any(t => t.Equals(Classic, StringComparison.OrdinalIgnoreCase));
        foreach (ClassicGroup group in groups.Groups.Where(_ => typeFits))
        {
            lock (group.Lock)
            {
                string state = group.State.ToString();
                if (request.StatesFilter.Count == 0 || request.StatesFilter.Any(s => s.Equals(state, StringComparison.OrdinalIgnoreCase)))
                {
                    response.Groups.Add(new()
                    {
                        GroupId = group.GroupId,
                        ProtocolType = group.ProtocolType ?? "",
                        GroupState = state,
                        GroupType = Classic,
                    });
                }
            }
        }
        return response;
    }
}

internal sealed class DeleteGroupsHandler(GroupCoordinator groups) : DirectHandler<DeleteGroupsRequest, DeleteGroupsResponse>
{
    protected override DeleteGroupsResponse Handle(RequestContext context, DeleteGroupsRequest request)
    {
        var response = new DeleteGroupsResponse();
        foreach (string id in request.GroupsNames.Distinct())
        {
            response.Results.Add(new() { GroupId = id, ErrorCode = groups.Delete(id) });
        }
        return response;
    }
}
