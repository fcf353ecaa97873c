namespace Broker.Engine.Coordination;

/// <summary>One line of a node's access list: who may do what. The values are ZooKeeper's (ZooDefs.Perms).</summary>
/// <param name="Permissions">A sum of the constants here.</param>
/// <param name="Scheme">What the id is one of: world, digest, ip.</param>
/// <param name="Id">Who.</param>
internal readonly record struct AccessEntry(int Permissions, string Scheme, string Id)
{
    public const int Read = 1;
    public const int Write = 2;
    public const int Create = 4;
    public const int Delete = 8;
    public const int Admin = 16;
    public const int All = Read | Write | Create | Delete | Admin;

    /// <summary>The scheme and id of everybody.</summary>
    public const string World = "world";
    public const string Anyone = "anyone";

    /// <summary>What a node without a list of its own has.</summary>
    public static AccessEntry[] Open { get; } = [new(All, World, Anyone)];
}

/// <summary>Whether a party may do something to a node with an access list, where null is open to all.</summary>
internal delegate bool AccessGuard(AccessEntry[]? access, int permission);
