using System.Net;
using System.Text;
using System.Text.Json;
using Interop;
using Microsoft.Playwright;

namespace EndToEnd;

/// <summary>Replicas on the screen and by REST: a broker that stops, what is told of it, elections, moves.</summary>
public sealed class ReplicationTests(Chromium chromium, QuietHost host) : IClassFixture<QuietHost>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Broker_StoppedAndStarted_ShowsInTotalsHistoryAndElection()
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        await LivingHost.PostAsync(http, "/api/v1/topics", """{"name":"threefold","partitions":6,"replicationFactor":3,"config":{"min.insync.replicas":"3"}}""");
        await using Window window = await chromium.OpenAsync(host.Http);
        await window.GoAsync("/brokers", "Broker 2");
        await window.AliveAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Stop broker 1" }).ClickAsync();
        await window.SeesAsync("below min.insync.replicas");
        await window.SeesAsync("hands its");
        await window.AssertSoundAsync("the dialog of a stop");
        await window.PictureAsync("dialog-stop");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Stop broker", Exact = true }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Start broker 1" }).WaitForAsync();

        await window.GoAsync("/replication?q=threefold", "under min ISR");
        await window.AliveAsync();
        await window.SeesAsync("broker 1");
        await SoundAsync(window, "/replication?q=threefold", "under min ISR", "replication-wrong");
        await window.GoAsync("/replication?tab=history&q=threefold", "not yet");
        await SoundAsync(window, "/topics/threefold?tab=replicas", "down", "replicas-down");
        await Until.EqualAsync(6, "under-replicated", () => window.FigureAsync("Under-replicated"));

        await window.GoAsync("/brokers", "Broker 2");
        await window.AliveAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Start broker 1" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Stop broker 1" }).WaitForAsync();
        await Until.SeenAsync("all is in sync", () => TotalsAsync(http), t => t.GetProperty("underReplicated").GetInt32() == 0);
        await window.GoAsync("/replication", "Not on preferred");
        await window.AliveAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Elect preferred leaders" }).ClickAsync();
        await window.SeesAsync("preferred leader");
        await Until.SeenAsync("the preferred replicas lead", () => TotalsAsync(http), t => t.GetProperty("notPreferred").GetInt32() == 0);
        await SoundAsync(window, "/replication?tab=history&q=threefold", "after ", "replication-history-full");
    }

    [Fact]
    public async Task Balance_Proposed_IsLookedAt_CarriedOut_AndEndsEven()
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        await LivingHost.PostAsync(http, "/api/v1/topics", """{"name":"uneven","partitions":9,"replicationFactor":1}""");
        string moves = string.Join(',', Enumerable.Range(0, 9).Select(p => $$"""{"topic":"uneven","partition":{{p}},"replicas":[0]}"""));
        await LivingHost.PostAsync(http, "/api/v1/reassignments", $$"""{"assignments":[{{moves}}]}""");
        await Until.SeenAsync("all is on one broker", () => SkewAsync(http, "uneven"), s => s.GetProperty("spread").GetInt32() == 33);
        await using Window window = await chromium.OpenAsync(host.Http);
        await window.GoAsync("/replication?tab=balance", "Propose an even spread");
        await window.AliveAsync();
        await window.Page.GetByLabel("Topics", new() { Exact = true }).FillAsync("uneven");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Preview" }).ClickAsync();
        await window.SeesAsync("33 → 100 %");
        await Until.EqualAsync(6, "replicas to copy", () => window.FigureAsync("Replicas to copy"));
        await window.AssertSoundAsync("the proposal");
        await window.PictureAsync("balance-proposal");
        await window.Page.GetByLabel("Limit").FillAsync("10");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Carry out" }).ClickAsync();
        await window.SeesAsync("Change 6 partitions?");
        await window.AssertSoundAsync("the dialog that asks");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Carry out" }).Last.ClickAsync();
        await window.SeesAsync("Set limit");
        await Until.SeenAsync("all is even", () => SkewAsync(http, "uneven"), s => s.GetProperty("spread").GetInt32() == 100);
        await window.SeesAsync("No limit is set");   // it went with the last of them
        await window.Page.GetByLabel("Limit").FillAsync("5");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Set limit" }).ClickAsync();
        await window.SeesAsync("Limited to");
        await SoundAsync(window, "/replication?tab=reassignments", "Limited to", "reassignments-limit");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Take limit away" }).ClickAsync();
        await window.SeesAsync("No limit is set");
    }

    [Fact]
    public async Task Rest_OfReplication_AnswersAndRefuses()
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        await LivingHost.PostAsync(http, "/api/v1/topics", """{"name":"by-rest","partitions":2,"replicationFactor":2}""");
        JsonElement totals = await TotalsAsync(http);
        Assert.Equal(3, totals.GetProperty("brokers").GetArrayLength());
        Assert.True(totals.GetProperty("controllerEpoch").GetInt32() > 0);
        JsonElement replicas = await Until.SeenAsync(
            "the follower tells of itself", () => Rest.GetAsync(http, "/api/v1/topics/by-rest/replicas?take=1"),
            r => r.GetProperty("items")[0].GetProperty("replicas")[1].GetProperty("source").GetString() == "Replica");
        Assert.Equal((2, 1), (replicas.GetProperty("total").GetInt32(), replicas.GetProperty("items").GetArrayLength()));
        JsonElement all = await Rest.GetAsync(http, "/api/v1/replication/partitions?filter=All&search=by-rest");
        Assert.Equal(2, all.GetProperty("total").GetInt32());
        JsonElement preview = await Rest.GetAsync(http, "/api/v1/brokers/0/shutdown-preview");
        Assert.Equal(0, preview.GetProperty("brokerId").GetInt32());
        JsonElement elected = await PostAsync(http, "/api/v1/replication/preferred-election", """{"partitions":[{"topic":"by-rest","partition":0}]}""");
        Assert.Equal(0, elected.GetProperty("failures").GetArrayLength());
        JsonElement proposal = await PostAsync(http, "/api/v1/replication/rebalance/preview", """{"topics":["by-rest"],"without":[0]}""");
        Assert.DoesNotContain(
            proposal.GetProperty("moves").EnumerateArray(), m => m.GetProperty("to").EnumerateArray().Any(b => b.GetInt32() == 0));
        Assert.Equal(0, (await Rest.GetAsync(http, "/api/v1/reassignments")).GetProperty("items").GetProperty("total").GetInt32());
        Assert.Equal(0, (await PostAsync(http, "/api/v1/reassignments/cancel", "{}")).GetProperty("count").GetInt32());

        await RefusedAsync(http, "POST", "/api/v1/reassignments/cancel", """{"partitions":[{"topic":"by-rest","partition":0}]}""", HttpStatusCode.Conflict, "NO_REASSIGNMENT_IN_PROGRESS");
        await RefusedAsync(http, "POST", "/api/v1/reassignments", """{"assignments":[{"topic":"by-rest","partition":0,"replicas":[9]}]}""", HttpStatusCode.BadRequest, "INVALID_REPLICA_ASSIGNMENT");
        await RefusedAsync(http, "POST", "/api/v1/reassignments", """{"assignments":[{"topic":"nowhere","partition":0,"replicas":[0]}]}""", HttpStatusCode.NotFound, "UNKNOWN_TOPIC_OR_PARTITION");
        await RefusedAsync(http, "POST", "/api/v1/reassignments", "{}", HttpStatusCode.BadRequest, "INVALID_REQUEST");
        await RefusedAsync(http, "PUT", "/api/v1/reassignments/throttle", """{"bytesPerSec":0}""", HttpStatusCode.BadRequest, "INVALID_REQUEST");
        await RefusedAsync(http, "POST", "/api/v1/replication/rebalance/preview", """{"without":[0,1,2]}""", HttpStatusCode.BadRequest, "INVALID_REQUEST");
        await RefusedAsync(http, "GET", "/api/v1/brokers/9/shutdown-preview", null, HttpStatusCode.NotFound, "RESOURCE_NOT_FOUND");
        await RefusedAsync(http, "GET", "/api/v1/replication/partitions?take=0", null, HttpStatusCode.BadRequest, "INVALID_REQUEST");
    }

    private static async Task SoundAsync(Window window, string path, string shows, string picture)
    {
        await window.GoAsync(path, shows);
        await window.AliveAsync();
        await window.SeesAsync(shows);
        await window.AssertSoundAsync(path);
        await window.PictureAsync(picture);
    }

    private static Task<JsonElement> TotalsAsync(HttpClient http) => Rest.GetAsync(http, "/api/v1/replication");

    private static Task<JsonElement> SkewAsync(HttpClient http, string topic) => Rest.GetAsync(http, $"/api/v1/topics/{topic}/skew");

    private static async Task<JsonElement> PostAsync(HttpClient http, string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await http.PostAsync(new Uri(path, UriKind.Relative), content, Token);
        string text = await answer.Content.ReadAsStringAsync(Token);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {text}");
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private static async Task RefusedAsync(HttpClient http, string method, string path, string? body, HttpStatusCode status, string error)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await http.SendAsync(request, Token);
        using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Token));
        Assert.Equal((status, error), (answer.StatusCode, document.RootElement.GetProperty("error").GetString()));
    }
}
