using System.Runtime.CompilerServices;

namespace Architecture.Tests;

/// <summary>The repository's own source files.</summary>
internal static class Sources
{
    public static string Root { get; } = FindRoot();

    /// <summary>C# files under a folder of the repository, without build output.</summary>
    public static IEnumerable<string> CSharp(string folder) =>
        Directory.Exists(Path.Combine(Root, folder))
            ? Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
                .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(p => p is "obj" or "bin"))
            : [];

    public static string Relative(string file) => Path.GetRelativePath(Root, file);

    private static string FindRoot([CallerFilePath] string here = "")
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "WebConsole.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }
        return folder ?? Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", ".."));
    }
}
