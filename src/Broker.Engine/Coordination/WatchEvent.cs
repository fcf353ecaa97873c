namespace Broker.Engine.Coordination;

/// <summary>What a watch looks at.</summary>
[Flags]
internal enum WatchKinds
{
    /// <summary>The node's creation, deletion and changes of data.</summary>
    Node = 1,

    /// <summary>Children added or removed.</summary>
    Children = 2,
    NodeAndChildren = Node | Children,
}

/// <summary>What happened to a watched node.</summary>
internal enum WatchEventKind
{
    Created,
    Deleted,
    DataChanged,
    ChildrenChanged,

    /// <summary>Events may have been missed (a reconnection, or a watcher that fell too far behind): read again.</summary>
    Resynchronize,
}

/// <summary>A change of a watched node. It says that something changed, not what is there now: read to know.</summary>
internal readonly record struct WatchEvent(WatchEventKind Kind, string Path);
