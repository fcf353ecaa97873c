namespace Interop;

/// <summary>Where things lie.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string Host { get; } = Path.Combine(Root, "src", "Broker.Host", "bin", "Release", "net10.0", "Broker.Host");

    public static string Scripts(params string[] parts) => Path.Combine([Root, "tests", "Interop", .. parts]);

    /// <summary>Whether something of the peers is there, for what cannot skip a test.</summary>
    public static bool HasPeer(params string[] parts) => Path.Exists(Path.Combine([Root, "..", "shared", "peers", .. parts]));

    /// <summary>A path under the peers, which are not part of the repository; the test is skipped where it is not there.</summary>
    public static string Peer(params string[] parts)
    {
        string path = Path.GetFullPath(Path.Combine([Root, "..", "shared", "peers", .. parts]));
        Assert.SkipUnless(Path.Exists(path), $"../shared/peers/{string.Join('/', parts)} is not there");
        return path;
    }

    private static string Find()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "WebConsole.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }
        return folder ?? throw new DirectoryNotFoundException("the tests do not run within the repository");
    }
}
