using Broker.Engine.Administration;
using Broker.Engine.Requests;
using Broker.Protocol.Messages;

namespace Broker.Engine.Handlers;

/// <summary>InitProducerId for idempotent producers: a fresh id of epoch 0 each time, as Kafka gives to those without a
/// transactional id. Transactional ids have no coordinator here yet.</summary>
internal sealed class InitProducerIdHandler(ProducerIds ids) : WorkerHandler<InitProducerIdRequest, InitProducerIdResponse>
{
    protected override async ValueTask<InitProducerIdResponse> HandleAsync(RequestContext context, InitProducerIdRequest request)
    {
        if ((request.ProducerId < 0) != (request.ProducerEpoch < 0))
        {
            return new InitProducerIdResponse { ErrorCode = ErrorCode.InvalidRequest, ProducerId = -1, ProducerEpoch = -1 };
        }
        if (request.TransactionalId is { } transactional)
        {
            return new InitProducerIdResponse
            {
                ErrorCode = transactional.Length == 0 ? ErrorCode.InvalidRequest : ErrorCode.CoordinatorNotAvailable,
            };
        }
        (ErrorCode error, long id) = await ids.NextAsync(context.Closing).ConfigureAwait(false);
        return new InitProducerIdResponse { ErrorCode = error, ProducerId = id, ProducerEpoch = (short)(error == ErrorCode.None ? 0 : -1) };
    }
}
