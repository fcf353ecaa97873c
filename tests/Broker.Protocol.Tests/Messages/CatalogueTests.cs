using System.Globalization;
using System.Text.RegularExpressions;
using Broker.Protocol.Messages;

namespace Broker.Protocol.Tests.Messages;

/// <summary>The versions declared are those that Apache Kafka 4.3.1 was measured to speak.</summary>
public partial class CatalogueTests
{
    [GeneratedRegex(@"^\s*(\w+)\((\d+)\): (\d+)(?: to (\d+))?")]
    private static partial Regex Line();

    [Fact]
    public void Catalogue_BesideApacheKafka_HasTheSameVersions()
    {
        string? path = Find();
        Assert.SkipWhen(path is null, "../shared/reference/api-versions.txt is not there");
        var kafka = File.ReadLines(path!).Skip(1).TakeWhile(l => !l.StartsWith('#')).Select(l => Line().Match(l)).Where(m => m.Success).ToDictionary(
            m => (ApiKey)short.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture),
            m => (Low: Number(m.Groups[3]), High: Number(m.Groups[4].Success ? m.Groups[4] : m.Groups[3])));
        Assert.True(kafka.Count > 60);
        foreach (ApiInfo api in ApiCatalog.All.Where(a => kafka.ContainsKey(a.Key)))
        {
            // Produce is advertised from 0 and served from 3 (KAFKA-18659).
            int low = api.Key == ApiKey.Produce ? 3 : kafka[api.Key].Low;
            Assert.True(
                (low, kafka[api.Key].High) == (api.LowestVersion, api.HighestVersion),
                $"{api.Key}: declared {api.LowestVersion} to {api.HighestVersion}, Kafka has {low} to {kafka[api.Key].High}");
        }
        // Tiers 1 and 2: everything that clients, admins and transactions need.
        int[] tiers = [0, 1, 2, 3, 8, 9, .. Enumerable.Range(10, 7), 17, 18, .. Enumerable.Range(19, 10), .. Enumerable.Range(32, 6), 42, 43, 44, 45, 46, 47, 60, 61, 65, 66, 75];
        Assert.All(tiers, key => Assert.Contains(ApiCatalog.All, a => (short)a.Key == key));
    }

    private static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    private static string? Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "..", "shared", "reference", "api-versions.txt");
            if (File.Exists(Path.Combine(folder.FullName, "WebConsole.sln")))
            {
                return File.Exists(path) ? path : null;
            }
        }
        return null;
    }
}
