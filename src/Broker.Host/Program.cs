using System.Globalization;
using System.Text.Json;
using Broker.Engine;
using Broker.Engine.Configuration;
using Broker.Host;

_ = Task.Run(HostedCluster.Prepare);   // beside the reading of the command line
Broker.Host.HostOptions? options = HostCommandLine.Parse(args, out int exitCode);
if (options is null)
{
    return exitCode;
}
try
{
    return options.Daemon ? await Daemon.StartAsync(args, options) : await HostRunner.RunAsync(options);
}
catch (Exception e) when (e is ConfigException or ClusterStartException or HostStartException)
{
    foreach (string line in e.Message.Split('\n'))
    {
        Console.Error.WriteLine($"wheelhouse: {line}");
    }
    return 1;
}

namespace Broker.Host
{
    /// <summary>The host cannot start; the message is one line for the operator.</summary>
    internal sealed class HostStartException(string message, Exception? inner = null) : Exception(message, inner);

    /// <summary>What the operator gave, as layers of configuration.</summary>
    internal static class SettingsReader
    {
        public static ClusterSettings Read(HostOptions options)
        {
            List<(string Origin, IEnumerable<KeyValuePair<string, string>> Pairs)> layers = [];
            string settings = File.Exists("appsettings.json")
                ? Path.GetFullPath("appsettings.json") : Path.Combine(AppContext.BaseDirectory, "appsettings.json");
            if (File.Exists(settings))
            {
                layers.Add(("appsettings.json", ReadSettings(settings)));
            }
            if (options.ConfigFile is { } file)
            {
                layers.Add((file, ClusterSettings.ParseProperties(ReadFile(file))));
            }
            layers.Add(("--override", options.Overrides.Select(o => o.Split('=', 2)).Select(o => KeyValuePair.Create(o[0].Trim(), o[1]))));
            if (options.ZooKeeperPort is { } port)
            {
                layers.Add(("--zookeeper-port", [KeyValuePair.Create("zookeeper.server.port", port.ToString(CultureInfo.InvariantCulture))]));
            }
            return new ClusterSettings
            {
                Brokers = options.Brokers,
                Port = options.PortGiven ? options.Port : null,
                DataDirectory = options.DataDirectory,
                Layers = layers,
            };
        }

        private static string ReadFile(string file)
        {
            try
            {
                return File.ReadAllText(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new HostStartException($"cannot read {file}: {e.Message}", e);
            }
        }

        private static List<KeyValuePair<string, string>> ReadSettings(string file)
        {
            var pairs = new List<KeyValuePair<string, string>>();
            try
            {
                using var document = JsonDocument.Parse(
                    ReadFile(file), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
                if (document.RootElement.TryGetProperty("Broker", out JsonElement broker))
                {
                    Flatten(broker, "", pairs);
                }
                return pairs;
            }
            catch (JsonException e)
            {
                throw new HostStartException($"{file} is not JSON: {e.Message}", e);
            }
        }

        /// <summary>Keys may be written whole or as nested objects.</summary>
        private static void Flatten(JsonElement element, string prefix, List<KeyValuePair<string, string>> pairs)
        {
            foreach (JsonProperty one in element.EnumerateObject())
            {
                string name = prefix + one.Name;
                if (one.Value.ValueKind == JsonValueKind.Object)
                {
                    Flatten(one.Value, name + ".", pairs);
                }
                else
                {
                    pairs.Add(KeyValuePair.Create(name, one.Value.ToString() is var text && one.Value.ValueKind is JsonValueKind.True or JsonValueKind.False
                        ? text.ToLower(CultureInfo.InvariantCulture) : text));
                }
            }
        }
    }
}
