using System.Text.RegularExpressions;

namespace Architecture.Tests;

/// <summary>Who may reference whom (docs: ARCHITECTURE.md, "Layers"), read from the using lines and qualified names.</summary>
public partial class LayeringTests
{
    [GeneratedRegex(@"^\s*(?:global\s+)?using\s+(?:static\s+)?(?:\w+\s*=\s*)?(?:global::)?([\w.]+)\s*;", RegexOptions.Multiline)]
    private static partial Regex Using();

    public static TheoryData<string, string[], string> Rules => new()
    {
        { "src/Broker.Protocol", ["Broker.Client", "Broker.Engine", "WebConsole", "Microsoft.Extensions", "Microsoft.AspNetCore", "System.Net", "System.IO.Pipelines"], "the protocol is pure: bytes and types, no I/O; move the code to Broker.Client or Broker.Engine" },
        { "src/Broker.Client", ["Broker.Engine", "WebConsole", "Microsoft.AspNetCore"], "the client knows the protocol only; the engine may use the client, not the other way round" },
        { "src/Broker.Engine", ["WebConsole", "Microsoft.AspNetCore", "Microsoft.Extensions.Hosting", "Microsoft.Extensions.DependencyInjection"], "the engine references nothing of ASP.NET; composition belongs to Broker.Host" },
        { "src/Console.Web", ["Broker.Protocol", "Broker.Client", "Broker.Engine.Storage", "Broker.Engine.Network", "Broker.Engine.Transport", "Broker.Engine.Requests", "Broker.Engine.Handlers", "Broker.Engine.Replication", "Broker.Engine.Purgatory", "Broker.Engine.Timing", "Broker.Engine.Groups", "Broker.Engine.Controller", "Broker.Engine.Coordination", "Broker.Engine.Metadata", "Broker.Engine.Configuration", "Broker.Engine.Diagnostics"], "the console has one door, Broker.Engine.Admin; add what you need there" },
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void Usings_StayWithinTheLayer(string folder, string[] banned, string why)
    {
        var broken = new List<string>();
        foreach (string file in Sources.CSharp(folder).Concat(Razor(folder)))
        {
            foreach (Match match in Using().Matches(File.ReadAllText(file)))
            {
                string name = match.Groups[1].Value;
                if (banned.Any(b => name == b || name.StartsWith(b + ".", StringComparison.Ordinal)))
                {
                    broken.Add($"{Sources.Relative(file)}: using {name}: {why}");
                }
            }
        }
        Assert.True(broken.Count == 0, string.Join(Environment.NewLine, broken));
    }

    /// <summary>Folders of the engine, from the bottom up: a folder may use those before it, not those after it.
    /// Folders that are not listed may be used by all.</summary>
    private static readonly string[][] s_never =
    [
        ["Timing", "Purgatory", "Storage", "Transport", "Network", "Requests", "Handlers", "Replication", "Groups", "Controller", "Coordination", "Metadata", "Admin"],
        ["Purgatory", "Storage", "Transport", "Network", "Requests", "Handlers", "Replication", "Groups", "Controller", "Coordination", "Metadata", "Admin"],
        ["Storage", "Transport", "Network", "Requests", "Handlers", "Replication", "Groups", "Controller", "Coordination", "Metadata", "Purgatory", "Admin"],
        ["Coordination", "Storage", "Transport", "Network", "Requests", "Handlers", "Replication", "Groups", "Controller", "Admin"],
        ["Transport", "Storage", "Handlers", "Replication", "Groups", "Controller", "Coordination", "Admin"],
        ["Replication", "Handlers", "Controller", "Admin", "Groups"],
        ["Groups", "Handlers", "Admin", "Transport", "Network"],
        ["Controller", "Handlers", "Replication", "Admin", "Transport", "Network", "Storage", "Groups"],
    ];

    [Fact]
    public void EngineFolders_UseOnlyWhatLiesBelow()
    {
        var broken = new List<string>();
        foreach (string[] rule in s_never)
        {
            string[] above = [.. rule.Skip(1).Select(f => "Broker.Engine." + f)];
            foreach (string file in Sources.CSharp("src/Broker.Engine/" + rule[0]))
            {
                broken.AddRange(Using().Matches(File.ReadAllText(file))
                    .Select(m => m.Groups[1].Value)
                    .Where(name => name != "Broker.Engine.Storage.Files" && above.Any(b => name == b || name.StartsWith(b + ".", StringComparison.Ordinal)))
                    .Select(name => $"{Sources.Relative(file)}: using {name}: {rule[0]} lies below it; invert the dependency"));
            }
        }
        Assert.True(broken.Count == 0, string.Join(Environment.NewLine, broken));
    }

    private static IEnumerable<string> Razor(string folder) =>
        Directory.Exists(Path.Combine(Sources.Root, folder))
            ? Directory.EnumerateFiles(Path.Combine(Sources.Root, folder), "*.razor", SearchOption.AllDirectories)
                .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(p => p is "obj" or "bin"))
            : [];
}
