using Microsoft.JSInterop;

namespace WebConsole.Services;

/// <summary>What only the browser can do. The functions live in <c>wwwroot/console.js</c>. Used on the circuit only.</summary>
public sealed class Browser(IJSRuntime js)
{
    private const string Prefix = "wheelhouse.";

    /// <summary>Tells the script whom to call for shortcuts and visibility.</summary>
    /// <returns>The time zone in the form of <see cref="BrowserZone.Cookie"/>.</returns>
    public ValueTask<string> StartAsync<T>(DotNetObjectReference<T> shell)
        where T : class => js.InvokeAsync<string>(Prefix + "start", shell);

    public ValueTask<bool> CopyAsync(string text) => js.InvokeAsync<bool>(Prefix + "copy", text);

    public ValueTask DownloadAsync(string name, string type, DotNetStreamReference content) =>
        js.InvokeVoidAsync(Prefix + "download", name, type, content);

    public ValueTask OpenDialogAsync(string id) => js.InvokeVoidAsync(Prefix + "openDialog", id);

    public ValueTask CloseDialogAsync(string id) => js.InvokeVoidAsync(Prefix + "closeDialog", id);

    /// <summary>Scrolls an element of a list into sight.</summary>
    public ValueTask RevealAsync(string id) => js.InvokeVoidAsync(Prefix + "reveal", id);

    public ValueTask FocusAsync(string selector) => js.InvokeVoidAsync(Prefix + "focus", selector);

    /// <summary>auto, light or dark.</summary>
    public ValueTask<string> ThemeAsync() => js.InvokeAsync<string>(Prefix + "theme");

    public ValueTask SetThemeAsync(string theme) => js.InvokeVoidAsync(Prefix + "setTheme", theme);
}
