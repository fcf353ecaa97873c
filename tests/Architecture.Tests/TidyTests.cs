using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Architecture.Tests;

/// <summary>The shapes the code keeps: short files, short methods, no leftovers. Each message names the way out.</summary>
public partial class TidyTests
{
    private const int FileLinesMax = 400;
    private const int MethodLinesMax = 75;
    private const int LineLengthMax = 165;

    private static readonly (string Pattern, string Instead)[] s_banned =
    [
        (@"\bTODO\b|\bFIXME\b|\bXXX\b", "do it now, or open an issue"),
        (@"\basync void\b", "return a Task and await it, or own it"),
        (@"\.GetAwaiter\(\)\.GetResult\(\)", "await it"),
        (@"catch\s*(\(Exception\))?\s*\{\s*\}", "say why nothing is done, or let it go on"),
    ];

    private static IEnumerable<string> All => Sources.CSharp("src").Concat(Sources.CSharp("tests"));

    [Fact]
    public void Files_AreShort() => Check(
        All,
        file => File.ReadAllLines(file).Length is var lines && lines > FileLinesMax
            ? [$"{lines} lines; split it by duty, aim at 300"] : []);

    [Fact]
    public void Lines_AreShort() => Check(
        All,
        file => File.ReadAllLines(file)
            .Select((line, i) => (line, i))
            .Where(x => x.line.Length > LineLengthMax && !x.line.Contains("[LoggerMessage(", StringComparison.Ordinal) && !file.Contains("Tests", StringComparison.Ordinal)
                && !file.Contains("Configuration/Keys/", StringComparison.Ordinal))   // rows of tables
            .Select(x => $"line {x.i + 1} has {x.line.Length} characters; aim at 120"));

    [Fact]
    public void Methods_AreShort() => Check(Sources.CSharp("src"), file =>
    {
        SyntaxNode root = CSharpSyntaxTree.ParseText(File.ReadAllText(file), cancellationToken: TestContext.Current.CancellationToken)
            .GetRoot(TestContext.Current.CancellationToken);
        return root.DescendantNodes().OfType<BaseMethodDeclarationSyntax>()
            .Where(m => m.Body is not null)
            .Select(m => (m, Lines: Span(m.Body!)))
            .Where(x => x.Lines > MethodLinesMax)
            .Select(x => $"{Name(x.m)} has {x.Lines} lines; take its steps out");
    });

    [Fact]
    public void Leftovers_AreNone() => Check(All.Where(f => !f.EndsWith("TidyTests.cs", StringComparison.Ordinal)), file =>
    {
        string text = File.ReadAllText(file);
        return s_banned
            .Where(b => Regex.IsMatch(text, b.Pattern))
            .Select(b => $"/{b.Pattern}/: {b.Instead}");
    });

    private static int Span(SyntaxNode node)
    {
        FileLinePositionSpan span = node.GetLocation().GetLineSpan();
        return span.EndLinePosition.Line - span.StartLinePosition.Line + 1;
    }

    private static string Name(BaseMethodDeclarationSyntax method) => method switch
    {
        MethodDeclarationSyntax m => m.Identifier.Text,
        ConstructorDeclarationSyntax c => c.Identifier.Text + " (constructor)",
        _ => "an operator",
    };

    private static void Check(IEnumerable<string> files, Func<string, IEnumerable<string>> problems)
    {
        List<string> found = [.. files.SelectMany(f => problems(f).Select(p => $"{Sources.Relative(f)}: {p}"))];
        Assert.True(found.Count == 0, string.Join(Environment.NewLine, found));
    }
}
