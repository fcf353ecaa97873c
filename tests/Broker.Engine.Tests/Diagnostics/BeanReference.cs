using System.Text.Json;
using System.Text.RegularExpressions;

namespace Broker.Engine.Tests.Diagnostics;

/// <summary>The MBeans of real brokers, as the reference files beside the repository list them: object names with <c>*</c> for
/// what differs from broker to broker, and attributes, some by the name of a set.</summary>
internal sealed class BeanReference
{
    private readonly Dictionary<string, string[]> _sets = new(StringComparer.Ordinal);

    private BeanReference(string[] lines)
    {
        foreach (Match set in lines.Select(l => Regex.Match(l, "^# (<\\w+>) = (.*)$")).Where(m => m.Success))
        {
            _sets[set.Groups[1].Value] = Expand(set.Groups[2].Value);
        }
        Beans = [.. lines.Select(l => l.Split(" : ")).Where(p => p.Length == 2 && p[0][0] != '#').Select(p => (p[0], Expand(p[1])))];
    }

    public IReadOnlyList<(string Name, string[] Attributes)> Beans { get; }

    private string[] Expand(string attributes) => attributes == "Meter + Histogram + LatencyUnit"
        ? [.. _sets["<Meter>"], .. _sets["<Histogram>"], "LatencyUnit"]
        : [.. attributes.Split(' ', StringSplitOptions.RemoveEmptyEntries).SelectMany(a => _sets.GetValueOrDefault(a, [a]))];

    /// <summary>Reads a file of the reference, or skips the test.</summary>
    public static BeanReference Read(string file)
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "WebConsole.sln")))
        {
            folder = Path.GetDirectoryName(folder);
        }
        string path = Path.Combine(folder ?? "", "..", "shared", "reference", file);
        Assert.SkipUnless(File.Exists(path), $"{file} is not beside the repository");
        string[] lines = File.ReadAllLines(path);
        // The sets stand at the end, and are used before.
        return new BeanReference([.. lines.Where(l => l.StartsWith("# <", StringComparison.Ordinal)), .. lines]);
    }

    /// <summary>A name of the reference as an expression for names of beans.</summary>
    public static Regex Expression(string name) => new(
        "^" + Regex.Escape(name).Replace("clientSoftware\\*", "clientSoftware\\w+").Replace("\\*", "[^,]*") + "$", RegexOptions.CultureInvariant);

    /// <summary>The beans of a /jmx answer: names and attributes.</summary>
    public static Dictionary<string, string[]> Parse(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        var beans = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (JsonElement bean in document.RootElement.GetProperty("beans").EnumerateArray())
        {
            beans.Add(
                bean.GetProperty("name").GetString()!,
                [.. bean.EnumerateObject().Select(p => p.Name).Where(n => n is not ("name" or "broker"))]);
        }
        return beans;
    }
}
