using Microsoft.AspNetCore.Components.Routing;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.JSInterop;

namespace WebConsole.Layout;

/// <summary>The frame around every page, and what answers the browser's shortcuts.</summary>
public sealed partial class MainLayout
{
    private ErrorBoundary? _boundary;
    private DotNetObjectReference<MainLayout>? _self;
    private bool _isPaletteOpen;
    private bool _areShortcutsOpen;

    [JSInvokable]
    public void OpenPalette()
    {
        _isPaletteOpen = true;
        StateHasChanged();
    }

    [JSInvokable]
    public void OpenShortcuts()
    {
        _isPaletteOpen = false;
        _areShortcutsOpen = true;
        StateHasChanged();
    }

    [JSInvokable]
    public void TogglePause() => Live.Toggle();

    [JSInvokable]
    public void SetVisible(bool isVisible) => Live.SetVisible(isVisible);

    public void Dispose()
    {
        Live.Changed -= StateHasChanged;
        Zone.Changed -= StateHasChanged;
        Navigation.LocationChanged -= OnLocationChanged;
        _self?.Dispose();
    }

    protected override void OnInitialized()
    {
        Live.Changed += StateHasChanged;
        Zone.Changed += StateHasChanged;
        Navigation.LocationChanged += OnLocationChanged;
    }

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (firstRender)
        {
            _self = DotNetObjectReference.Create(this);
            Zone.Tell(await Browser.StartAsync(_self));
        }
    }

    private void ClosePalette() => _isPaletteOpen = false;

    private void CloseShortcuts() => _areShortcutsOpen = false;

    private void Recover() => _boundary?.Recover();

    private void OnLocationChanged(object? sender, LocationChangedEventArgs e)
    {
        _isPaletteOpen = false;
        _boundary?.Recover();
    }
}
