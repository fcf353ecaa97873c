using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.JSInterop;
using WebConsole.Live;
using WebConsole.Services;

namespace WebConsole.Layout;

/// <summary>Search and commands in one box, for the keyboard first.</summary>
public sealed partial class CommandPalette
{
    private const string DialogId = "palette";
    private IReadOnlyList<PaletteItem> _items = [];
    private string _text = "";
    private int _at;
    private bool _hasMoved;

    [Inject] public required PaletteSearch Search { get; init; }

    [Inject] public required NavigationManager Navigation { get; init; }

    [Inject] public required LiveState Live { get; init; }

    [Parameter, EditorRequired] public EventCallback OnClose { get; set; }

    [Parameter, EditorRequired] public EventCallback OnShortcuts { get; set; }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Browser.CloseDialogAsync(DialogId);
        }
        catch (JSDisconnectedException)
        {
            // The page is gone, and the palette with it.
        }
    }

    protected override void OnInitialized() => _items = Search.Find("");

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (firstRender)
        {
            await Browser.OpenDialogAsync(DialogId);
        }
        else if (_hasMoved)
        {
            await Browser.RevealAsync($"palette-{_at}");
        }
    }

    private void OnInput(ChangeEventArgs e)
    {
        _text = e.Value as string ?? "";
        _items = Search.Find(_text);
        _at = 0;
        _hasMoved = false;
    }

    private async Task OnKeyAsync(KeyboardEventArgs e)
    {
        int count = _items.Count;
        _hasMoved = false;
        if (count == 0)
        {
            return;
        }
        switch (e.Key)
        {
            case "ArrowDown":
                _at = (_at + 1) % count;
                _hasMoved = true;
                break;
            case "ArrowUp":
                _at = (_at + count - 1) % count;
                _hasMoved = true;
                break;
            case "Enter":
                await RunAsync(_at);
                break;
        }
    }

    private async Task RunAsync(int index)
    {
        PaletteItem item = _items[index];
        await OnClose.InvokeAsync();
        if (item.Href is not null)
        {
            Navigation.NavigateTo(item.Href);
            return;
        }
        switch (item.Action)
        {
            case PaletteAction.TogglePause:
                Live.Toggle();
                break;
            case PaletteAction.ShowShortcuts:
                await OnShortcuts.InvokeAsync();
                break;
            case PaletteAction.LightTheme:
                await Browser.SetThemeAsync("light");
                break;
            case PaletteAction.DarkTheme:
                await Browser.SetThemeAsync("dark");
                break;
            case PaletteAction.AutoTheme:
                await Browser.SetThemeAsync("auto");
                break;
        }
    }
}
