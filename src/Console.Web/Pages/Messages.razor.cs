using System.Globalization;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Components;
using WebConsole.Live;
using WebConsole.Models;
using WebConsole.Services;

namespace WebConsole.Pages;

/// <summary>Reads, follows and produces records of a topic. What is read stands in the address.</summary>
public sealed partial class Messages
{
    private const int Shown = 100;

    private readonly HashSet<(int Partition, long Offset)> _open = [];
    private List<MessageView> _messages = [];
    private List<MessageView> _held = [];
    private AdminException? _refusal;
    private CancellationTokenSource? _tail;
    private (string? Topic, int? Partition, string? From, long? Offset, string? Time, string? Contains)? _loaded;
    private int? _partition;
    private string _from = "newest";
    private string _contains = "";
    private long _offset;
    private DateTime _time;
    private long _scanned;
    private long _skipped;
    private bool _isPartial;
    private bool _isBusy;
    private bool _isProducing;

    [Inject] public required IClusterAdmin Admin { get; init; }

    [Inject] public required NavigationManager Navigation { get; init; }

    [Inject] public required LiveState Live { get; init; }

    [Inject] public required BrowserZone Zone { get; init; }

    [Inject] public required TimeProvider Time { get; init; }

    [SupplyParameterFromQuery] public string? Topic { get; set; }

    [SupplyParameterFromQuery] public int? Partition { get; set; }

    /// <summary>newest, oldest, offset or time.</summary>
    [SupplyParameterFromQuery] public string? From { get; set; }

    [SupplyParameterFromQuery] public long? Offset { get; set; }

    /// <summary>An instant, ISO 8601.</summary>
    [SupplyParameterFromQuery(Name = "time")] public string? Instant { get; set; }

    [SupplyParameterFromQuery] public string? Contains { get; set; }

    /// <summary>text, json or hex.</summary>
    [SupplyParameterFromQuery] public string? Show { get; set; }

    private string Shape => Show is "json" or "hex" ? Show : "text";

    private long Lowest => _messages.Min(m => m.Offset);

    private long Highest => _messages.Max(m => m.Offset);

    private string Summary =>
        (_tail is null ? $"{Format.Plural(_messages.Count, "record")} of {Format.Count(_scanned)} looked at" : "Following the end of the log")
        + (_isPartial ? "; a limit ended the search, or a leader is down" : "")
        + (_skipped > 0 ? $"; {Format.Count(_skipped)} left out because they came too fast" : "");

    public void Dispose()
    {
        Live.Changed -= ShowHeld;
        StopTail();
    }

    protected override void OnInitialized() => Live.Changed += ShowHeld;

    protected override async Task OnParametersSetAsync()
    {
        var asked = (Topic, Partition, From, Offset, Instant, Contains);
        if (_loaded != asked)
        {
            StopTail();
            _loaded = asked;
            _partition = Partition;
            _from = From is "oldest" or "offset" or "time" ? From : "newest";
            _offset = Math.Max(0, Offset ?? 0);
            _contains = Contains ?? "";
            _time = Zone.Local(At).DateTime;
            await SearchAsync();
        }
    }

    private DateTimeOffset At =>
        DateTimeOffset.TryParse(Instant, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset at)
            ? at : Time.GetUtcNow().AddHours(-1);

    /// <summary>Reads anew what the address says.</summary>
    private async Task SearchAsync()
    {
        if (string.IsNullOrEmpty(Topic))
        {
            return;
        }
        _isBusy = true;
        try
        {
            MessagePage page = await Admin.BrowseAsync(
                new MessageQuery
                {
                    Topic = Topic,
                    Partition = Partition,
                    From = _from switch
                    {
                        "oldest" => BrowseFrom.Oldest,
                        "offset" => BrowseFrom.Offset,
                        "time" => BrowseFrom.Timestamp,
                        _ => BrowseFrom.Newest,
                    },
                    Offset = _offset,
                    Timestamp = At,
                    Limit = Shown,
                    Contains = string.IsNullOrEmpty(Contains) ? null : Contains,
                },
                CancellationToken.None);
            (_scanned, _isPartial, _skipped, _refusal) = (page.Scanned, page.IsPartial, 0, null);
            _messages = [.. _from == "newest" ? page.Messages.Reverse() : page.Messages];
        }
        catch (AdminException e)
        {
            _refusal = e;
        }
        _isBusy = false;
    }

    /// <summary>What the form says goes into the address; the same once more is read again.</summary>
    private Task Submit()
    {
        string before = Navigation.Uri;
        Go(show: Shape);
        return Navigation.Uri == before ? SearchAsync() : Task.CompletedTask;
    }

    private void GoTo(long offset)
    {
        (_from, _offset) = ("offset", offset);
        Go(show: Shape);
    }

    private void Go(string? show) => Navigation.NavigateTo(
        Routes.With(
            Routes.Messages,
            ("topic", Topic),
            ("partition", _partition is { } p ? Format.Plain(p) : null),
            ("from", _from == "newest" ? null : _from),
            ("offset", _from == "offset" ? Format.Plain(_offset) : null),
            ("time", _from == "time" ? Zone.FromLocal(_time).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) : null),
            ("contains", _contains),
            ("show", show == "text" ? null : show)),
        replace: true);

    private void Toggle((int, long) id)
    {
        if (!_open.Remove(id))
        {
            _open.Add(id);
        }
    }

    private async Task AfterProduceAsync()
    {
        if (_tail is null)
        {
            await SearchAsync();
        }
    }

    private void ToggleTail()
    {
        if (_tail is not null)
        {
            StopTail();
            return;
        }
        _tail = new CancellationTokenSource();
        _ = FollowAsync(_tail.Token);
    }

    private void StopTail()
    {
        _tail?.Cancel();
        _tail?.Dispose();
        _tail = null;
        _held = [];
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        try
        {
            var query = new TailQuery(Topic!, Partition, string.IsNullOrEmpty(Contains) ? null : Contains);
            await foreach (TailBatch batch in Admin.TailAsync(query, cancellationToken))
            {
                await InvokeAsync(() =>
                {
                    _held = [.. batch.Messages.Reverse().Concat(_held).Take(Shown)];
                    _skipped += batch.Skipped;
                    ShowHeld();
                });
            }
        }
        catch (OperationCanceledException)
        {
            // the operator, or the page, has stopped it
        }
        catch (AdminException e)
        {
            await InvokeAsync(() =>
            {
                StopTail();
                _refusal = e;
                StateHasChanged();
            });
        }
    }

    /// <summary>What came is shown, unless the operator has asked for stillness: then it is held back, as much as fits.</summary>
    private void ShowHeld()
    {
        if (Live.IsFlowing && _held.Count > 0)
        {
            _messages = [.. _held.Concat(_messages).Take(Shown)];
            _held = [];
            StateHasChanged();
        }
    }
}
