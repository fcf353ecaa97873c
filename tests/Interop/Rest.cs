using System.Text;
using System.Text.Json;

namespace Interop;

/// <summary>Calls of the host's REST API.</summary>
internal static class Rest
{
    public static async Task<HttpResponseMessage> PostAsync(HttpClient http, string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        return await http.PostAsync(new Uri(path, UriKind.Relative), content, TestContext.Current.CancellationToken);
    }

    /// <summary>Waits until the host has heard of a topic that another made, and of all that its leaders say: a client that asks before
    /// takes it for deleted.</summary>
    public static Task KnowsTopicAsync(HttpClient http, string topic) => Until.SeenAsync(
        $"{http.BaseAddress} knows {topic}",
        async () =>
        {
            using HttpResponseMessage answer = await http.GetAsync(
                new Uri($"/api/v1/topics/{topic}", UriKind.Relative), TestContext.Current.CancellationToken);
            return (answer.IsSuccessStatusCode, Said: await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        },
        seen => seen.IsSuccessStatusCode && IsLedAndKnown(seen.Said));

    private static bool IsLedAndKnown(string topic)
    {
        using var document = JsonDocument.Parse(topic);
        JsonElement summary = document.RootElement.GetProperty("summary");
        return summary.GetProperty("unknownPartitions").GetInt32() == 0 && summary.GetProperty("offlinePartitions").GetInt32() == 0;
    }

    public static async Task<JsonElement> GetAsync(HttpClient http, string path)
    {
        string text = await http.GetStringAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
