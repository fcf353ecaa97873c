namespace Broker.Engine.Coordination.Jute;

/// <summary>What a request asks (ZooKeeper: ZooDefs.OpCode).</summary>
internal enum OpCode
{
    Create = 1,
    Delete = 2,
    Exists = 3,
    GetData = 4,
    SetData = 5,
    GetAcl = 6,
    SetAcl = 7,
    GetChildren = 8,
    Sync = 9,
    Ping = 11,
    GetChildren2 = 12,
    Check = 13,
    Multi = 14,
    Create2 = 15,
    Reconfig = 16,
    CheckWatches = 17,
    RemoveWatches = 18,
    CreateContainer = 19,
    CreateTtl = 21,
    MultiRead = 22,
    Auth = 100,
    SetWatches = 101,
    Sasl = 102,
    GetEphemerals = 103,
    GetAllChildrenNumber = 104,
    SetWatches2 = 105,
    AddWatch = 106,
    WhoAmI = 107,
    CloseSession = -11,

    /// <summary>In the answer to a multi: the operation was not carried out. Also ends a multi.</summary>
    Error = -1,
}

/// <summary>Numbers of requests that are none of the session's own (ZooKeeper: ClientCnxn).</summary>
internal static class Xid
{
    public const int Notification = -1;
    public const int Ping = -2;
    public const int Auth = -4;
    public const int SetWatches = -8;
}

/// <summary>Why a request was not carried out, as it stands in an answer (ZooKeeper: KeeperException.Code).</summary>
internal enum KeeperCode
{
    Ok = 0,
    SystemError = -1,
    RuntimeInconsistency = -2,
    ConnectionLoss = -4,
    MarshallingError = -5,
    Unimplemented = -6,
    OperationTimeout = -7,
    BadArguments = -8,
    NoNode = -101,
    NoAuth = -102,
    BadVersion = -103,
    NoChildrenForEphemerals = -108,
    NodeExists = -110,
    NotEmpty = -111,
    SessionExpired = -112,
    InvalidAcl = -114,
    AuthFailed = -115,
    SessionMoved = -118,
    NoWatcher = -121,
    ReconfigDisabled = -123,
    SessionClosedRequireSasl = -124,
    QuotaExceeded = -125,
    Throttled = -127,
}

/// <summary>What a notification tells (ZooKeeper: Watcher.Event.EventType).</summary>
internal enum KeeperEvent
{
    None = -1,
    NodeCreated = 1,
    NodeDeleted = 2,
    NodeDataChanged = 3,
    NodeChildrenChanged = 4,
}

/// <summary>From the codes of answers to the engine's errors and back. Stateless.</summary>
internal static class KeeperCodes
{
    /// <summary>A multi's operation that was reached and undone, or not reached, tells this (ZooKeeper: RUNTIMEINCONSISTENCY).</summary>
    public static CoordinationError ToError(int code) => (KeeperCode)code switch
    {
        KeeperCode.Ok => CoordinationError.None,
        KeeperCode.NoNode => CoordinationError.NoNode,
        KeeperCode.NodeExists => CoordinationError.NodeExists,
        KeeperCode.BadVersion => CoordinationError.BadVersion,
        KeeperCode.NotEmpty => CoordinationError.NotEmpty,
        KeeperCode.NoChildrenForEphemerals => CoordinationError.NoChildrenForEphemerals,
        KeeperCode.SessionExpired or KeeperCode.SessionMoved => CoordinationError.SessionExpired,
        KeeperCode.BadArguments or KeeperCode.QuotaExceeded or KeeperCode.InvalidAcl => CoordinationError.BadArguments,
        KeeperCode.NoAuth or KeeperCode.AuthFailed or KeeperCode.SessionClosedRequireSasl => CoordinationError.NoAuth,
        KeeperCode.RuntimeInconsistency => CoordinationError.NotReached,
        _ => CoordinationError.ConnectionLoss,
    };

    public static KeeperCode ToCode(CoordinationError error) => error switch
    {
        CoordinationError.None => KeeperCode.Ok,
        CoordinationError.NoNode => KeeperCode.NoNode,
        CoordinationError.NodeExists => KeeperCode.NodeExists,
        CoordinationError.BadVersion => KeeperCode.BadVersion,
        CoordinationError.NotEmpty => KeeperCode.NotEmpty,
        CoordinationError.NoChildrenForEphemerals => KeeperCode.NoChildrenForEphemerals,
        CoordinationError.SessionExpired => KeeperCode.SessionExpired,
        CoordinationError.BadArguments => KeeperCode.BadArguments,
        CoordinationError.NoAuth => KeeperCode.NoAuth,
        CoordinationError.NotReached => KeeperCode.RuntimeInconsistency,
        CoordinationError.InvalidAccess => KeeperCode.InvalidAcl,
        _ => KeeperCode.SystemError,
    };
}
