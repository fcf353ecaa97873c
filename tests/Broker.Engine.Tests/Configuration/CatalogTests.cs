using System.Text;
using Broker.Engine.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace Broker.Engine.Tests.Configuration;

public class CatalogTests
{
    [Fact]
    public void Defaults_OfEveryKey_PassItsOwnRule()
    {
        string[] wrong =
        [
            .. ConfigCatalog.Broker.Values.Concat(ConfigCatalog.Topic.Values)
                .Where(k => k.Default is not null).Select(k => k.Check(k.Default)).OfType<string>(),
        ];
        Assert.Empty(wrong);
    }

    [Fact]
    public void Synonyms_OfTopicKeys_AreBrokerKeys() =>
        Assert.All(
            ConfigCatalog.Topic.Values.Where(k => k.Synonym is not null), k => Assert.True(ConfigCatalog.Broker.ContainsKey(k.Synonym!), k.Name));

    [Theory]
    [InlineData("num.partition", "num.partitions")]
    [InlineData("log.retentions.hours", "log.retention.hours")]
    [InlineData("utterly.different.thing.that.nobody.knows", null)]
    public void Nearest_OfAnUnknownKey_IsTheOneMeant(string given, string? meant) =>
        Assert.Equal(meant, ConfigCatalog.Nearest(given));

    [Fact]
    public void Loader_WithSeveralProblems_NamesThemAll()
    {
        var loader = new ConfigLoader(NullLogger.Instance);
        loader.Add(
            [new("num.partition", "3"), new("log.segment.bytes", "abc"), new("process.roles", "broker"), new("num.io.threads", "0")], "test");
        ConfigException e = Assert.Throws<ConfigException>(() => loader.Build(1, -1, "data"));
        Assert.Equal(4, e.Problems.Count);
        Assert.Contains("did you mean 'num.partitions'?", e.Problems[0], StringComparison.Ordinal);
        Assert.Contains("Not a number of type INT", e.Problems[1], StringComparison.Ordinal);
        Assert.Contains("refused", e.Problems[2], StringComparison.Ordinal);
        Assert.Contains("Value must be at least 1", e.Problems[3], StringComparison.Ordinal);
    }

    [Fact]
    public void Loader_ForSeveralBrokers_CountsIdsPortsAndDirectoriesUp()
    {
        var loader = new ConfigLoader(NullLogger.Instance);
        loader.Add([new("broker.id", "5"), new("listeners", "PLAINTEXT://127.0.0.1:7000"), new("log.dirs", "/a,/b")], "test");
        IReadOnlyList<BrokerConfig> configs = loader.Build(2, -1, "data");
        Assert.Equal(6, configs[1].BrokerId);
        Assert.Equal("PLAINTEXT://127.0.0.1:7001", configs[1].Text("listeners"));
        Assert.Equal(["/a/broker-6", "/b/broker-6"], configs[1].LogDirectories);
    }

    [Fact]
    public void Hours_WhereMillisecondsAreNotSet_AreConverted()
    {
        var config = new BrokerConfig(new Dictionary<string, string> { ["log.roll.hours"] = "2" });
        Assert.Equal(7_200_000, config.Long("log.roll.ms"));
        Assert.Equal(7_200_000, new LogConfig(config, new Dictionary<string, string>()).SegmentMs);
        Assert.Equal(5, new LogConfig(config, new Dictionary<string, string> { ["segment.ms"] = "5" }).SegmentMs);
    }

    [Fact]
    public void Properties_WithCommentsContinuationsAndEscapes_AreReadAsJavaDoes() =>
        Assert.Equal(
            [new("a", "1"), new("b", "two words"), new("c:d", "x"), new("e", "onetwo"), new("f", "")],
            PropertiesText.Parse("# comment\na=1\n  b : two words\r\nc\\:d x\n! other\ne=one\\\n   two\nf\n"));

    /// <summary>The page is made from the declarations: UPDATE_DOCS=1 writes it, otherwise it must be the same.</summary>
    [Fact]
    public void Documentation_IsMadeFromTheDeclarations()
    {
        string page = Page();
        string path = Path.Combine(Root(), "docs", "configuration.md");
        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") == "1")
        {
            File.WriteAllText(path, page);
        }
        Assert.True(page == File.ReadAllText(path), "docs/configuration.md is out of date: run the tests once with UPDATE_DOCS=1");
    }

    private static string Changes(ConfigKey key) => key.UpdateMode switch
    {
        UpdateMode.ClusterWide => "cluster",
        UpdateMode.PerBroker => "broker",
        _ => "",
    };

    private static string Root()
    {
        string? directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory!, "WebConsole.sln")))
        {
            directory = Path.GetDirectoryName(directory);
        }
        return directory!;
    }

    private static string Page()
    {
        var text = new StringBuilder("# Configuration\n\nMade from the declarations in `src/Broker.Engine/Configuration/Keys`. Keys marked with a circle have no effect\nhere; keys marked with a cross are accepted at their default only. *Changes* says how a key changes while the broker runs: for\none broker and for all (cluster), for one broker only (broker), or not at all.\n");
        foreach ((string heading, string table) in ConfigCatalog.BrokerTables)
        {
            Add(text, heading, Broker.Engine.Configuration.Keys.KeyTable.Read(table, isTopic: false));
        }
        Add(text, "Topics", ConfigCatalog.Topic.Values.OrderBy(k => k.Name, StringComparer.Ordinal));
        return text.ToString();
    }

    private static void Add(StringBuilder text, string heading, IEnumerable<ConfigKey> keys)
    {
        text.Append("\n## ").Append(heading).Append("\n\n| key | type | default | changes | |\n|---|---|---|---|---|\n");
        foreach (ConfigKey key in keys)
        {
            string mark = key.Support switch
            {
                ConfigSupport.Served => "",
                ConfigSupport.NoEffect => "○ ",
                _ => "✗ ",
            };
            text.Append("| `").Append(key.Name).Append("` | ").Append(key.Type).Append(" | ").Append(key.Default ?? "")
                .Append(" | ").Append(Changes(key)).Append(" | ").Append(mark).Append(key.Reason ?? key.Documentation).Append(" |\n");
        }
    }
}
