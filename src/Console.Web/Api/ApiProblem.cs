using System.Text.Json;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace WebConsole.Api;

/// <summary>A refusal as RFC 9457 has it, with Kafka's name of the error.</summary>
/// <param name="Type">Always about:blank: the error's name says which it is.</param>
/// <param name="Title">The same name.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What was wrong, for the operator.</param>
/// <param name="Error">Kafka's name of the error: TOPIC_ALREADY_EXISTS.</param>
internal sealed record ApiProblem(string Type, string Title, int Status, string Detail, string Error)
{
    public const string ContentType = "application/problem+json";

    public static ApiProblem Of(AdminException refusal) => Of(StatusOf(refusal.Error), refusal.Error, refusal.Message);

    public static ApiProblem Of(int status, string error, string detail) => new("about:blank", error, status, detail, error);

    private static int StatusOf(string error) => error switch
    {
        "UNKNOWN_TOPIC_OR_PARTITION" or "UNKNOWN_TOPIC_ID" or "GROUP_ID_NOT_FOUND" or "RESOURCE_NOT_FOUND" => StatusCodes.Status404NotFound,
        "TOPIC_ALREADY_EXISTS" or "NON_EMPTY_GROUP" or "REBALANCE_IN_PROGRESS" or "GROUP_SUBSCRIBED_TO_TOPIC"
            or "NO_REASSIGNMENT_IN_PROGRESS" => StatusCodes.Status409Conflict,
        "MESSAGE_TOO_LARGE" or "RECORD_LIST_TOO_LARGE" => StatusCodes.Status413PayloadTooLarge,
        "THROTTLING_QUOTA_EXCEEDED" => StatusCodes.Status429TooManyRequests,
        "BROKER_NOT_AVAILABLE" or "LEADER_NOT_AVAILABLE" or "NOT_LEADER_OR_FOLLOWER" or "COORDINATOR_NOT_AVAILABLE" or "NOT_COORDINATOR"
            or "COORDINATOR_LOAD_IN_PROGRESS" or "NOT_CONTROLLER" or "NOT_ENOUGH_REPLICAS" => StatusCodes.Status503ServiceUnavailable,
        "REQUEST_TIMED_OUT" => StatusCodes.Status504GatewayTimeout,
        "UNKNOWN_SERVER_ERROR" or "KAFKA_STORAGE_ERROR" => StatusCodes.Status500InternalServerError,
        _ => StatusCodes.Status400BadRequest,
    };
}

/// <summary>What holds for every call below <c>/api/v1</c>: other sites may not change anything (the console has no login that
/// they could lack), bodies are bounded, and whatever goes wrong is answered as a problem. Stateless and thread-safe.</summary>
internal static partial class ApiRules
{
    public const string Prefix = "/api/v1";

    /// <summary>Bytes of a request's body.</summary>
    private const long BodyBytesMax = 16 * 1024 * 1024;

    public static async Task RunAsync(HttpContext context, RequestDelegate next, ILogger logger)
    {
        if (IsForeign(context.Request))
        {
            await WriteAsync(context, ApiProblem.Of(
                StatusCodes.Status403Forbidden, "CLUSTER_AUTHORIZATION_FAILED", "Requests of other sites may not change anything."));
            return;
        }
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = BodyBytesMax;
        }
        try
        {
            await next(context);
        }
        catch (Exception e) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            await WriteAsync(context, ProblemOf(e, logger));
            return;
        }
        if (!context.Response.HasStarted && context.Response is { StatusCode: >= 400, ContentType: null })
        {
            await WriteAsync(context, ProblemOf(context.Response.StatusCode, context.Request));
        }
    }

    private static bool IsForeign(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method))
        {
            return false;
        }
        string? site = request.Headers["Sec-Fetch-Site"];
        string? origin = request.Headers.Origin;
        return site is "cross-site" or "same-site" || (origin is not null && origin != $"{request.Scheme}://{request.Host}");
    }

    private static ApiProblem ProblemOf(Exception e, ILogger logger)
    {
        switch (e)
        {
            case AdminException refusal:
                return ApiProblem.Of(refusal);
            case BadHttpRequestException bad:
                return ApiProblem.Of(bad.StatusCode, "INVALID_REQUEST", bad.InnerException is JsonException json ? json.Message : bad.Message);
            default:
                LogFailed(logger, e);
                return ApiProblem.Of(StatusCodes.Status500InternalServerError, "UNKNOWN_SERVER_ERROR", "The call failed; the host's log says why.");
        }
    }

    private static ApiProblem ProblemOf(int status, HttpRequest request) => status switch
    {
        StatusCodes.Status404NotFound => ApiProblem.Of(status, "RESOURCE_NOT_FOUND", $"There is nothing at {request.Path}."),
        StatusCodes.Status405MethodNotAllowed => ApiProblem.Of(status, "INVALID_REQUEST", $"{request.Method} is not for {request.Path}."),
        StatusCodes.Status415UnsupportedMediaType => ApiProblem.Of(status, "INVALID_REQUEST", "The body must be application/json."),
        _ => ApiProblem.Of(status, "INVALID_REQUEST", "A parameter or the body cannot be read; /openapi/v1.json says what is expected."),
    };

    private static Task WriteAsync(HttpContext context, ApiProblem problem)
    {
        context.Response.StatusCode = problem.Status;
        return context.Response.WriteAsJsonAsync(problem, options: null, ApiProblem.ContentType, context.RequestAborted);
    }

    /// <summary>A number from a query, kept to what is allowed.</summary>
    /// <exception cref="AdminException">INVALID_REQUEST.</exception>
    public static int Bounded(int? value, int byDefault, int least, int most, string name) =>
        (value ?? byDefault) is var given && given >= least && given <= most ? given
            : throw new AdminException("INVALID_REQUEST", $"{name} must be between {least} and {most}, not {given}.");

    /// <summary>A text from a query, kept to what is allowed.</summary>
    /// <exception cref="AdminException">INVALID_REQUEST.</exception>
    public static string? Bounded(string? value, int most, string name) =>
        value is null || value.Length <= most ? value : throw new AdminException("INVALID_REQUEST", $"{name} may have {most} characters at most.");

    /// <summary>Has the operation wait a moment for what brokers of other hosts tell.</summary>
    public static RouteHandlerBuilder Fresh(this RouteHandlerBuilder route) => route.AddEndpointFilter(async (context, next) =>
    {
        await context.HttpContext.RequestServices.GetRequiredService<IClusterAdmin>().FreshAsync(context.HttpContext.RequestAborted);
        return await next(context);
    });

    /// <summary>Says in the document with which statuses an operation may refuse.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder route, params int[] statuses)
    {
        foreach (int status in statuses)
        {
            route.Produces<ApiProblem>(status, ApiProblem.ContentType);
        }
        return route;
    }

    [LoggerMessage(9100, LogLevel.Error, "a REST call failed")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
