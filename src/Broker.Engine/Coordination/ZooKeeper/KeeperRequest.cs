using Broker.Engine.Coordination.Jute;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>What became of a request.</summary>
internal enum ReplyKind
{
    /// <summary>The server answered, perhaps with an error.</summary>
    Answered,

    /// <summary>The connection ended after it was sent: it may have been carried out or not.</summary>
    Lost,

    /// <summary>The session has ended.</summary>
    Ended,
}

/// <summary>A server's answer.</summary>
internal readonly record struct KeeperReply(ReplyKind Kind, int Code, ReadOnlyMemory<byte> Body)
{
    public CoordinationError Error => Kind switch
    {
        ReplyKind.Answered => KeeperCodes.ToError(Code),
        ReplyKind.Lost => CoordinationError.ConnectionLoss,
        _ => CoordinationError.SessionExpired,
    };
}

/// <summary>One sending of a request. The server answers in the order of sending.</summary>
/// <param name="code">What it asks.</param>
/// <param name="body">What follows the header.</param>
/// <param name="onAnswer">Called with the server's answer before anything else of the connection is taken in, its end included.</param>
internal sealed class KeeperRequest(OpCode code, ReadOnlyMemory<byte> body, Action<KeeperReply>? onAnswer = null)
{
    private readonly TaskCompletionSource<KeeperReply> _reply = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public OpCode Code { get; } = code;

    /// <summary>What follows the header.</summary>
    public ReadOnlyMemory<byte> Body { get; } = body;

    public int Xid { get; set; }

    public Task<KeeperReply> Reply => _reply.Task;

    public void Answer(KeeperReply reply)
    {
        if (reply.Kind == ReplyKind.Answered)
        {
            onAnswer?.Invoke(reply);
        }
        _reply.TrySetResult(reply);
    }
}
