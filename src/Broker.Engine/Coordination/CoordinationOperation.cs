namespace Broker.Engine.Coordination;

/// <summary>How long a node lives and how it is named.</summary>
internal enum CreateMode
{
    Persistent,
    Ephemeral,

    /// <summary>The name given is followed by ten digits: how many children its parent has had.</summary>
    PersistentSequential,
    EphemeralSequential,
}

/// <summary>What one operation of a multi does.</summary>
internal enum OperationKind
{
    Create,
    Set,
    Delete,

    /// <summary>Stands only if the node exists and has the version.</summary>
    Check,
}

/// <summary>One operation of a multi. Versions of -1 match any. Immutable.</summary>
internal readonly record struct CoordinationOperation(
    OperationKind Kind, string Path, ReadOnlyMemory<byte> Data, CreateMode Mode, int Version)
{
    /// <summary>Matches any version.</summary>
    public const int AnyVersion = -1;

    public static CoordinationOperation Create(
        string path, ReadOnlyMemory<byte> data, CreateMode mode = CreateMode.Persistent) =>
        new(OperationKind.Create, path, data, mode, AnyVersion);

    public static CoordinationOperation Set(string path, ReadOnlyMemory<byte> data, int version = AnyVersion) =>
        new(OperationKind.Set, path, data, CreateMode.Persistent, version);

    public static CoordinationOperation Delete(string path, int version = AnyVersion) =>
        new(OperationKind.Delete, path, default, CreateMode.Persistent, version);

    public static CoordinationOperation Check(string path, int version) =>
        new(OperationKind.Check, path, default, CreateMode.Persistent, version);
}
