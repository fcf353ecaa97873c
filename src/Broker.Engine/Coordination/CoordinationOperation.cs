namespace Broker.Engine.Coordination;

/// <summary>How long a node lives and how it is named.</summary>
internal enum CreateMode
{
    Persistent,
    Ephemeral,

    /// <summary>The name given is followed by ten digits: how many children its parent has had.</summary>
    PersistentSequential,
    EphemeralSequential,

    /// <summary>Persistent, and deleted some time after its last child went.</summary>
    Container,
}

/// <summary>What one operation of a multi does.</summary>
internal enum OperationKind
{
    Create,
    Set,
    Delete,

    /// <summary>Stands only if the node exists and has the version.</summary>
    Check,

    /// <summary>Sets the access list; the version is that list's.</summary>
    SetAccess,
}

/// <summary>One operation of a multi. Versions of -1 match any. Immutable.</summary>
internal readonly record struct CoordinationOperation(
    OperationKind Kind, string Path, ReadOnlyMemory<byte> Data, CreateMode Mode, int Version)
{
    /// <summary>Matches any version.</summary>
    public const int AnyVersion = -1;

    /// <summary>The access list to set or to create the node with: null is open to all, an empty one is refused.</summary>
    public AccessEntry[]? Access { get; init; }

    public static CoordinationOperation Create(
        string path, ReadOnlyMemory<byte> data, CreateMode mode = CreateMode.Persistent) =>
        new(OperationKind.Create, path, data, mode, AnyVersion);

    public static CoordinationOperation Set(string path, ReadOnlyMemory<byte> data, int version = AnyVersion) =>
        new(OperationKind.Set, path, data, CreateMode.Persistent, version);

    public static CoordinationOperation Delete(string path, int version = AnyVersion) =>
        new(OperationKind.Delete, path, default, CreateMode.Persistent, version);

    public static CoordinationOperation SetAccess(string path, AccessEntry[]? access, int version = AnyVersion) =>
        new(OperationKind.SetAccess, path, default, CreateMode.Persistent, version) { Access = access };

    public static CoordinationOperation Check(string path, int version) =>
        new(OperationKind.Check, path, default, CreateMode.Persistent, version);
}
