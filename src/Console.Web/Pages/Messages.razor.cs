using System.Text;
using Broker.Engine.Admin;
using Microsoft.AspNetCore.Components;
using WebConsole.Models;

namespace WebConsole.Pages;

/// <summary>Reads, follows and produces records of a topic.</summary>
public sealed partial class Messages
{
    private const int Shown = 100;

    private List<MessageView> _messages = [];
    private AdminException? _refusal;
    private CancellationTokenSource? _tail;
    private string? _loaded;
    private int? _partition;
    private string _from = "newest";
    private string _format = "text";
    private string _contains = "";
    private string _key = "";
    private string _value = "";
    private string _headers = "";
    private string _codec = "none";
    private string? _failure;
    private long _offset;
    private DateTime _time = DateTime.UnixEpoch;
    private long _scanned;
    private long _skipped;
    private bool _isPartial;
    private bool _isBusy;
    private bool _isProducing;

    [SupplyParameterFromQuery] public string? Topic { get; set; }

    [SupplyParameterFromQuery] public int? Partition { get; set; }

    public void Dispose() => StopTail();

    protected override async Task OnParametersSetAsync()
    {
        if (_loaded != Topic)
        {
            StopTail();
            _loaded = Topic;
            _partition = Partition;
            await SearchAsync();
        }
    }

    private void StopTail()
    {
        _tail?.Cancel();
        _tail?.Dispose();
        _tail = null;
    }

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
                    Partition = _partition,
                    From = _from switch
                    {
                        "oldest" => BrowseFrom.Oldest,
                        "offset" => BrowseFrom.Offset,
                        "time" => BrowseFrom.Timestamp,
                        _ => BrowseFrom.Newest,
                    },
                    Offset = _offset,
                    Timestamp = new DateTimeOffset(_time, TimeSpan.Zero),
                    Limit = Shown,
                    Contains = _contains.Length == 0 ? null : _contains,
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

    private Task ToggleTailAsync()
    {
        if (_tail is not null)
        {
            StopTail();
            return Task.CompletedTask;
        }
        _tail = new CancellationTokenSource();
        _ = FollowAsync(_tail.Token);
        return Task.CompletedTask;
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        try
        {
            var query = new TailQuery(Topic!, _partition, _contains.Length == 0 ? null : _contains);
            await foreach (TailBatch batch in Admin.TailAsync(query, cancellationToken))
            {
                await InvokeAsync(() =>
                {
                    _messages = [.. batch.Messages.Reverse().Concat(_messages).Take(Shown)];
                    _scanned += batch.Messages.Count;
                    _skipped += batch.Skipped;
                    StateHasChanged();
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
                _refusal = e;
                StateHasChanged();
            });
        }
    }

    private async Task ProduceAsync()
    {
        if (!ConfigLines.TryRead(_headers, out Dictionary<string, string> headers, out string? wrong))
        {
            _failure = wrong;
            return;
        }
        var message = new NewMessage
        {
            Topic = Topic!,
            Partition = _partition,
            Key = _key.Length == 0 ? (ReadOnlyMemory<byte>?)null : Encoding.UTF8.GetBytes(_key),
            Value = Encoding.UTF8.GetBytes(_value),
            Headers = [.. headers.Select(h => KeyValuePair.Create(h.Key, (ReadOnlyMemory<byte>?)Encoding.UTF8.GetBytes(h.Value)))],
            Compression = _codec,
        };
        _failure = await Commands.RunAsync("The message is in the log", token => Admin.ProduceAsync(message, token));
        if (_failure is null)
        {
            _isProducing = false;
            await SearchAsync();
        }
    }
}
