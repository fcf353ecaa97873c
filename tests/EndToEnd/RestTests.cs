using System.Net;
using System.Text.Json;
using Interop;

namespace EndToEnd;

/// <summary>The REST API against a real host: every action, refusals by Kafka's name, and the document.</summary>
public sealed class RestTests(QuietHost host) : IClassFixture<QuietHost>, IDisposable
{
    private static int s_names;
    private readonly HttpClient _http = new() { BaseAddress = host.Http };

    public void Dispose() => _http.Dispose();

    public static TheoryData<string, string, string?, HttpStatusCode, string> Refusals => new()
    {
        { "GET", "/api/v1/topics/nowhere", null, HttpStatusCode.NotFound, "UNKNOWN_TOPIC_OR_PARTITION" },
        { "DELETE", "/api/v1/topics/nowhere", null, HttpStatusCode.NotFound, "UNKNOWN_TOPIC_OR_PARTITION" },
        { "GET", "/api/v1/topics/nowhere/messages", null, HttpStatusCode.NotFound, "UNKNOWN_TOPIC_OR_PARTITION" },
        { "GET", "/api/v1/topics/nowhere/messages/tail", null, HttpStatusCode.NotFound, "UNKNOWN_TOPIC_OR_PARTITION" },
        { "GET", "/api/v1/topics/nowhere/partitions/0/segments", null, HttpStatusCode.NotFound, "UNKNOWN_TOPIC_OR_PARTITION" },
        { "POST", "/api/v1/topics", """{"name":"not a name"}""", HttpStatusCode.BadRequest, "INVALID_TOPIC_EXCEPTION" },
        { "POST", "/api/v1/topics", """{"name":"three","replicationFactor":4}""", HttpStatusCode.BadRequest, "INVALID_REPLICATION_FACTOR" },
        { "POST", "/api/v1/topics", """{"name":"x","partitions":0}""", HttpStatusCode.BadRequest, "INVALID_PARTITIONS" },
        { "POST", "/api/v1/topics", """{"name":"x","config":{"no.such.key":"1"}}""", HttpStatusCode.BadRequest, "INVALID_CONFIG" },
        { "POST", "/api/v1/topics", """{"name":"x",""", HttpStatusCode.BadRequest, "INVALID_REQUEST" },
        { "GET", "/api/v1/topics?take=1001", null, HttpStatusCode.BadRequest, "INVALID_REQUEST" },
        { "GET", "/api/v1/topics?skip=-1", null, HttpStatusCode.BadRequest, "INVALID_REQUEST" },
        { "GET", "/api/v1/topics?sort=Colour", null, HttpStatusCode.BadRequest, "INVALID_REQUEST" },
        { "GET", "/api/v1/groups/nobody", null, HttpStatusCode.NotFound, "GROUP_ID_NOT_FOUND" },
        { "DELETE", "/api/v1/groups/nobody", null, HttpStatusCode.NotFound, "GROUP_ID_NOT_FOUND" },
        { "POST", "/api/v1/groups/nobody/offsets", """{"topic":"t"}""", HttpStatusCode.NotFound, "GROUP_ID_NOT_FOUND" },
        { "GET", "/api/v1/brokers/9", null, HttpStatusCode.NotFound, "RESOURCE_NOT_FOUND" },
        { "POST", "/api/v1/brokers/9/stop", null, HttpStatusCode.NotFound, "RESOURCE_NOT_FOUND" },
        { "GET", "/api/v1/brokers/9/timers", null, HttpStatusCode.ServiceUnavailable, "BROKER_NOT_AVAILABLE" },
        { "PATCH", "/api/v1/brokers/0/loggers", """{"root":"LOUD"}""", HttpStatusCode.BadRequest, "INVALID_CONFIG" },
        { "GET", "/api/v1/brokers/77/loggers", null, HttpStatusCode.ServiceUnavailable, "BROKER_NOT_AVAILABLE" },
        { "GET", "/api/v1/brokers/77/config", null, HttpStatusCode.ServiceUnavailable, "BROKER_NOT_AVAILABLE" },
        { "PATCH", "/api/v1/brokers/default/config", """{"broker.id":"7"}""", HttpStatusCode.BadRequest, "INVALID_REQUEST" },
        { "GET", "/api/v1/nothing", null, HttpStatusCode.NotFound, "RESOURCE_NOT_FOUND" },
        { "PUT", "/api/v1/topics", "{}", HttpStatusCode.MethodNotAllowed, "INVALID_REQUEST" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Refusal_IsAProblemWithKafkasName(string method, string path, string? body, HttpStatusCode status, string error)
    {
        using HttpResponseMessage answer = await SendAsync(method, path, body);
        Assert.Equal((status, error), (answer.StatusCode, await ErrorAsync(answer)));
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
    }

    [Fact]
    public async Task Topic_FromBirthToDeath_ThroughEveryAction()
    {
        string topic = NewTopic();
        using HttpResponseMessage created = await SendAsync("POST", "/api/v1/topics", $$"""{"name":"{{topic}}","partitions":2}""");
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        Assert.Equal($"/api/v1/topics/{topic}", created.Headers.Location?.ToString());
        using HttpResponseMessage again = await SendAsync("POST", "/api/v1/topics", $$"""{"name":"{{topic}}"}""");
        Assert.Equal((HttpStatusCode.Conflict, "TOPIC_ALREADY_EXISTS"), (again.StatusCode, await ErrorAsync(again)));
        await OkAsync("POST", $"/api/v1/topics/{topic}/partitions", """{"totalCount":3}""");
        Assert.Equal(3, (await Rest.GetAsync(_http, $"/api/v1/topics/{topic}")).GetProperty("partitions").GetArrayLength());
        await OkAsync("PATCH", $"/api/v1/topics/{topic}/config", """{"retention.ms":"5000"}""");
        Assert.Equal("5000", await ConfigAsync(topic, "retention.ms"));
        await OkAsync("PATCH", $"/api/v1/topics/{topic}/config", """{"retention.ms":null}""");
        Assert.NotEqual("5000", await ConfigAsync(topic, "retention.ms"));
        for (int i = 0; i < 3; i++)
        {
            await OkAsync("POST", $"/api/v1/topics/{topic}/messages", """{"value":"v","partition":0}""");
        }
        await OkAsync("POST", $"/api/v1/topics/{topic}/partitions/0/delete-records", """{"beforeOffset":2}""");
        JsonElement left = await Rest.GetAsync(_http, $"/api/v1/topics/{topic}/messages?partition=0&from=Oldest");
        Assert.Equal(2, Assert.Single(left.GetProperty("messages").EnumerateArray()).GetProperty("offset").GetInt64());
        await OkAsync("DELETE", $"/api/v1/topics/{topic}", null);
        using HttpResponseMessage gone = await SendAsync("GET", $"/api/v1/topics/{topic}", null);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task Message_WithNulls_ReadsNull_AndBytesComeBackAsTheyWent()
    {
        string topic = await TopicAsync();
        await OkAsync("POST", $"/api/v1/topics/{topic}/messages", """{"headers":[{"key":"h"},{"key":"h","value":"1"}]}""");
        await OkAsync("POST", $"/api/v1/topics/{topic}/messages", """{"key":"","valueBase64":"/wA="}""");
        JsonElement[] read = [.. (await Rest.GetAsync(_http, $"/api/v1/topics/{topic}/messages?from=Oldest")).GetProperty("messages").EnumerateArray()];
        Assert.All(["key", "keyBase64", "value", "valueBase64"], p => Assert.Equal(JsonValueKind.Null, read[0].GetProperty(p).ValueKind));
        Assert.Equal(JsonValueKind.Null, read[0].GetProperty("headers")[0].GetProperty("value").ValueKind);
        Assert.Equal("1", read[0].GetProperty("headers")[1].GetProperty("value").GetString());
        Assert.Equal("", read[1].GetProperty("key").GetString());
        Assert.Equal(JsonValueKind.Null, read[1].GetProperty("value").ValueKind);
        Assert.Equal("/wA=", read[1].GetProperty("valueBase64").GetString());
    }

    [Fact]
    public async Task Tail_FromItsFirstEvent_MissesNothing_AndEndsWithTheTopic()
    {
        string topic = await TopicAsync();
        await OkAsync("POST", $"/api/v1/topics/{topic}/messages", """{"value":"before"}""");
        using HttpResponseMessage answer = await _http.GetAsync(
            new Uri($"/api/v1/topics/{topic}/messages/tail", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, Token);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Token));
        Assert.Equal("ready", (await EventAsync(reader)).Kind);
        await OkAsync("POST", $"/api/v1/topics/{topic}/messages", """{"value":"after"}""");
        (string kind, JsonElement data) = await EventAsync(reader);
        Assert.Equal("records", kind);
        Assert.Equal("after", Assert.Single(data.GetProperty("messages").EnumerateArray()).GetProperty("value").GetString());
        await OkAsync("DELETE", $"/api/v1/topics/{topic}", null);
        (kind, data) = await EventAsync(reader);
        Assert.Equal(("error", "UNKNOWN_TOPIC_OR_PARTITION"), (kind, data.GetProperty("problem").GetProperty("error").GetString()));
        Assert.Equal("", (await reader.ReadToEndAsync(Token)).Trim());
    }

    [Fact]
    public async Task Group_WithoutMembers_IsPutElsewhere_AndDeleted()
    {
        const string kcat = "/usr/bin/kcat";
        Assert.SkipUnless(File.Exists(kcat), $"{kcat} is not installed");
        string topic = await TopicAsync();
        for (int i = 0; i < 5; i++)
        {
            await OkAsync("POST", $"/api/v1/topics/{topic}/messages", """{"value":"v"}""");
        }
        string group = $"group-of-{topic}";
        (await Command.RunAsync(kcat, ["-b", host.Host.Bootstrap, "-G", group, "-c", "5", "-X", "auto.offset.reset=earliest", topic])).Succeeded("kcat");
        Assert.Equal((5, 0), await PlaceAsync(group));
        await OkAsync("POST", $"/api/v1/groups/{group}/offsets", $$"""{"topic":"{{topic}}","to":"Earliest"}""");
        Assert.Equal((0, 5), await PlaceAsync(group));
        await OkAsync("POST", $"/api/v1/groups/{group}/offsets", $$"""{"topic":"{{topic}}","partition":0,"to":"Offset","offset":3}""");
        Assert.Equal((3, 2), await PlaceAsync(group));
        await OkAsync("DELETE", $"/api/v1/groups/{group}", null);
        using HttpResponseMessage gone = await SendAsync("GET", $"/api/v1/groups/{group}", null);
        Assert.Equal((HttpStatusCode.NotFound, "GROUP_ID_NOT_FOUND"), (gone.StatusCode, await ErrorAsync(gone)));
    }

    [Fact]
    public async Task Inside_OfAPartition_IsShownDownToTheBatch()
    {
        string topic = await TopicAsync();
        await OkAsync("POST", $"/api/v1/topics/{topic}/messages", """{"value":"v","compression":"lz4"}""");
        JsonElement segments = await Rest.GetAsync(_http, $"/api/v1/topics/{topic}/partitions/0/segments");
        Assert.True(segments.GetProperty("segments")[0].GetProperty("isActive").GetBoolean());
        JsonElement batches = await Rest.GetAsync(_http, $"/api/v1/topics/{topic}/partitions/0/segments/0/batches");
        Assert.Equal("Valid", batches.GetProperty("batches")[0].GetProperty("crcState").GetString());
        Assert.Equal("lz4", batches.GetProperty("batches")[0].GetProperty("compression").GetString());
        Assert.Equal(20, (await Rest.GetAsync(_http, "/api/v1/brokers/0/timers")).GetProperty("purgatories")[0].GetProperty("wheels")[0]
            .GetProperty("buckets").GetArrayLength());
    }

    [Theory]
    [InlineData("Origin", "http://elsewhere.example")]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    public async Task Change_AskedForByAnotherSite_IsRefused(string header, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/brokers/0/stop");
        request.Headers.Add(header, value);
        using HttpResponseMessage answer = await _http.SendAsync(request, Token);
        Assert.Equal((HttpStatusCode.Forbidden, "CLUSTER_AUTHORIZATION_FAILED"), (answer.StatusCode, await ErrorAsync(answer)));
    }

    [Fact]
    public async Task Document_NamesEveryCall_WithItsAnswersAndRefusals()
    {
        JsonElement paths = (await Rest.GetAsync(_http, "/openapi/v1.json")).GetProperty("paths");
        List<JsonProperty> calls = [.. paths.EnumerateObject().Where(p => p.Name.StartsWith("/api/v1", StringComparison.Ordinal)).SelectMany(p => p.Value.EnumerateObject())];
        Assert.True(calls.Count >= 25, $"{calls.Count} calls");
        Assert.All(calls, call => Assert.False(string.IsNullOrEmpty(call.Value.GetProperty("summary").GetString())));
        Assert.All(calls, call => Assert.Contains(call.Value.GetProperty("responses").EnumerateObject(), r => r.Name.StartsWith('2')));
        Assert.All(
            calls.Where(c => c.Name != "get"),
            call => Assert.Contains(call.Value.GetProperty("responses").EnumerateObject(), r => r.Value.ToString().Contains("problem+json", StringComparison.Ordinal)));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static string NewTopic() => $"rest-{Interlocked.Increment(ref s_names)}";

    private async Task<string> TopicAsync()
    {
        string topic = NewTopic();
        await OkAsync("POST", "/api/v1/topics", $$"""{"name":"{{topic}}","partitions":1}""");
        return topic;
    }

    private async Task<HttpResponseMessage> SendAsync(string method, string path, string? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        return await _http.SendAsync(request, Token);
    }

    private async Task OkAsync(string method, string path, string? body)
    {
        using HttpResponseMessage answer = await SendAsync(method, path, body);
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Token)}");
    }

    private static async Task<string?> ErrorAsync(HttpResponseMessage answer)
    {
        using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Token));
        return document.RootElement.GetProperty("error").GetString();
    }

    private async Task<string?> ConfigAsync(string topic, string key) =>
        (await Rest.GetAsync(_http, $"/api/v1/topics/{topic}/config")).EnumerateArray()
            .First(e => e.GetProperty("name").GetString() == key).GetProperty("value").GetString();

    private async Task<(long Committed, long Lag)> PlaceAsync(string group)
    {
        JsonElement partition = (await Rest.GetAsync(_http, $"/api/v1/groups/{group}")).GetProperty("partitions")[0];
        return (partition.GetProperty("committedOffset").GetInt64(), partition.GetProperty("lag").GetInt64());
    }

    private static async Task<(string Kind, JsonElement Data)> EventAsync(StreamReader reader)
    {
        string kind = "";
        while (await reader.ReadLineAsync(Token) is { } line)
        {
            if (line.StartsWith("event: ", StringComparison.Ordinal))
            {
                kind = line[7..];
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                using var document = JsonDocument.Parse(line[6..]);
                return (kind, document.RootElement.Clone());
            }
        }
        throw new EndOfStreamException("the stream ended");
    }
}
