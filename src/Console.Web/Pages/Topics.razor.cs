using Broker.Engine.Admin;
using Microsoft.AspNetCore.Components;
using WebConsole.Controls;
using WebConsole.Models;

namespace WebConsole.Pages;

/// <summary>The list of topics. Search, order and page live in the address.</summary>
public sealed partial class Topics
{
    private const int PageSize = 50;
    private bool _isCreating;

    [Inject] public required NavigationManager Navigation { get; init; }

    /// <summary>A part of the name.</summary>
    [SupplyParameterFromQuery] public string? Q { get; set; }

    /// <summary>A <see cref="TopicColumn"/>.</summary>
    [SupplyParameterFromQuery] public string? Sort { get; set; }

    [SupplyParameterFromQuery] public bool Desc { get; set; }

    [SupplyParameterFromQuery] public bool Internal { get; set; }

    [SupplyParameterFromQuery] public int Skip { get; set; }

    /// <summary><c>topic</c> opens the dialog that makes one.</summary>
    [SupplyParameterFromQuery] public string? New { get; set; }

    private TopicColumn SortBy => Enum.TryParse(Sort, ignoreCase: true, out TopicColumn column) ? column : TopicColumn.Name;

    protected override LiveSubject Subject() => new(LiveKind.Topics);

    protected override Page<TopicSummary> Read()
    {
        string? search = string.IsNullOrWhiteSpace(Q) ? null : Q.Trim();
        Page<TopicSummary> page = Admin.Topics(new TopicQuery(search, Internal, SortBy, Desc, Math.Max(0, Skip), PageSize));
        if (page.Items.Count == 0 && page.Total > 0)
        {
            int last = (page.Total - 1) / PageSize * PageSize;
            page = Admin.Topics(new TopicQuery(search, Internal, SortBy, Desc, last, PageSize));
        }
        return page;
    }

    protected override void OnParametersSet()
    {
        base.OnParametersSet();
        _isCreating = New == "topic";
    }

    private RenderFragment Header(TopicColumn column, string text, string? style) => builder =>
    {
        builder.OpenComponent<SortHeader<TopicColumn>>(0);
        builder.AddComponentParameter(1, nameof(SortHeader<>.Column), column);
        builder.AddComponentParameter(2, nameof(SortHeader<>.Current), SortBy);
        builder.AddComponentParameter(3, nameof(SortHeader<>.IsDescending), Desc);
        builder.AddComponentParameter(4, nameof(SortHeader<>.Class), style);
        builder.AddComponentParameter(5, nameof(SortHeader<>.OnSort), EventCallback.Factory.Create<TopicColumn>(this, SortAsync));
        builder.AddComponentParameter(6, nameof(SortHeader<>.ChildContent), (RenderFragment)(b => b.AddContent(0, text)));
        builder.CloseComponent();
    };

    private void SearchAsync(string text) => Go(text, SortBy, Desc, Internal, 0);

    /// <summary>The same column turns round; another one starts with its natural end: names from A, figures from the greatest.</summary>
    private void SortAsync(TopicColumn column) =>
        Go(Q, column, column == SortBy ? !Desc : column != TopicColumn.Name, Internal, 0);

    private void ToggleInternal(ChangeEventArgs e) => Go(Q, SortBy, Desc, e.Value is true, 0);

    private void GoTo(int skip) => Go(Q, SortBy, Desc, Internal, skip);

    private void OpenNew() => _isCreating = true;

    private void CloseNew()
    {
        _isCreating = false;
        if (New is not null)
        {
            Go(Q, SortBy, Desc, Internal, Skip);
        }
    }

    private void Created(string name) => Navigation.NavigateTo(Routes.Topic(name));

    private void Go(string? search, TopicColumn sort, bool descending, bool isInternal, int skip) => Navigation.NavigateTo(
        Routes.With(
            Routes.Topics,
            ("q", search),
            ("sort", sort == TopicColumn.Name ? null : sort.ToString()),
            ("desc", descending ? "true" : null),
            ("internal", isInternal ? "true" : null),
            ("skip", skip > 0 ? Format.Plain(skip) : null)),
        replace: true);
}
