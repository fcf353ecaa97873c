namespace Broker.Engine.Coordination;

/// <summary>Paths of nodes: <c>/a/b</c>; the root is <c>/</c>. The rules are ZooKeeper's (PathUtils).</summary>
internal static class NodePath
{
    /// <summary>Longest path, characters. ZooKeeper bounds the packet only; a name of Kafka's is at most 249 long.</summary>
    public const int LengthMax = 4096;

    public const string Root = "/";

    /// <summary>The node of its own configuration that a ZooKeeper has; anybody may read it.</summary>
    public const string OwnConfig = "/zookeeper/config";

    /// <summary>The nodes that every ZooKeeper has. They cannot be deleted.</summary>
    public static readonly string[] OwnNodes = ["/zookeeper", "/zookeeper/quota", OwnConfig];

    /// <summary>True if the path starts with a slash, does not end with one, and has no empty, <c>.</c> or <c>..</c>
    /// name and no control character.</summary>
    public static bool IsValid(string? path)
    {
        if (string.IsNullOrEmpty(path) || path[0] != '/' || path.Length > LengthMax)
        {
            return false;
        }
        if (path.Length == 1)
        {
            return true;
        }
        int start = 1;
        for (int i = 1; i <= path.Length; i++)
        {
            if (i == path.Length || path[i] == '/')
            {
                ReadOnlySpan<char> name = path.AsSpan(start, i - start);
                if (name.IsEmpty || name is "." or "..")
                {
                    return false;
                }
                start = i + 1;
            }
            else if (char.IsControl(path[i]) || char.IsSurrogate(path[i]) || path[i] >= '\ufff0')
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The path of the node's parent; the root's parent is the root.</summary>
    public static string Parent(string path)
    {
        int slash = path.LastIndexOf('/');
        return slash <= 0 ? Root : path[..slash];
    }

    /// <summary>The last name of the path.</summary>
    public static string Name(string path) => path[(path.LastIndexOf('/') + 1)..];

    /// <summary>The path of a child.</summary>
    public static string Child(string parent, string name) => parent == Root ? "/" + name : parent + "/" + name;
}
