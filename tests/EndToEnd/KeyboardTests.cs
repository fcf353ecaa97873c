using Interop;
using Microsoft.Playwright;

namespace EndToEnd;

/// <summary>The console without a mouse.</summary>
public sealed class KeyboardTests(Chromium chromium, QuietHost host) : IClassFixture<QuietHost>
{
    private const string Focused = "document.activeElement";

    [Fact]
    public async Task Shortcuts_Go_LeadToEveryPage()
    {
        await using Window window = await OpenAsync("/", "Overview");
        foreach ((string key, string title) in new[]
        {
            ("b", "Brokers"), ("t", "Topics"), ("p", "Replication"), ("m", "Messages"), ("c", "Consumer groups"), ("s", "Segments"), ("w", "Timing wheel"), ("o", "Overview"),
        })
        {
            await window.Page.Keyboard.TypeAsync("g" + key);
            await window.Page.GetByRole(AriaRole.Heading, new() { Name = title, Exact = true, Level = 1 }).WaitForAsync();
        }
        await window.AssertSoundAsync("after the tour");
    }

    [Fact]
    public async Task Tab_FromTheTop_ReachesSkipLinkNavigationAndContent()
    {
        await using Window window = await OpenAsync("/topics", "Create topic");
        await window.Page.Keyboard.PressAsync("Tab");
        await window.HoldsAsync($"{Focused}.textContent === 'Skip to content'");
        await window.Page.Keyboard.PressAsync("Enter");
        await window.HoldsAsync($"{Focused}.id === 'main'");
        await window.Page.Keyboard.PressAsync("Tab");
        await window.HoldsAsync($"{Focused}.innerText.trim() === 'Create topic'");
    }

    [Fact]
    public async Task Topic_WithoutAMouse_IsCreatedAndDeleted()
    {
        await using Window window = await OpenAsync("/topics", "Create topic");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Create topic" }).First.FocusAsync();
        await window.Page.Keyboard.PressAsync("Enter");
        await window.HoldsAsync($"document.querySelector('dialog[open]')?.contains({Focused}) && {Focused}.matches('input')");
        await window.Page.Keyboard.TypeAsync("by-keyboard");
        await window.Page.Keyboard.PressAsync("Tab");
        await window.Page.Keyboard.TypeAsync("2");
        await window.HoldsAsync("!document.querySelector('dialog[open] [type=submit]').disabled");
        await window.Page.Keyboard.PressAsync("Enter");
        await window.Page.GetByRole(AriaRole.Heading, new() { Name = "by-keyboard", Level = 1 }).WaitForAsync();
        await window.HoldsAsync("document.querySelector('dialog[open]') === null");

        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Delete" }).FocusAsync();
        await window.Page.Keyboard.PressAsync("Enter");
        await window.HoldsAsync($"document.querySelector('dialog[open]')?.contains({Focused}) && {Focused}.matches('input')");
        await window.AssertSoundAsync("the dialog that asks");
        await window.PictureAsync("dialog-delete");
        await window.Page.Keyboard.TypeAsync("by-keyboard");
        await window.HoldsAsync("!document.querySelector('dialog[open] [type=submit]').disabled");
        await window.Page.Keyboard.PressAsync("Enter");
        await window.Page.GetByRole(AriaRole.Heading, new() { Name = "Topics", Exact = true, Level = 1 }).WaitForAsync();
        await window.HoldsAsync("![...document.querySelectorAll('[data-row]')].some(r => r.innerText.includes('by-keyboard'))");
    }

    [Fact]
    public async Task Dialog_WhileOpen_HoldsTheFocus_AndGivesItBack()
    {
        await using Window window = await OpenAsync("/topics", "Create topic");
        ILocator opener = window.Page.GetByRole(AriaRole.Button, new() { Name = "Create topic" }).First;
        await opener.FocusAsync();
        await window.Page.Keyboard.PressAsync("Enter");
        await window.HoldsAsync($"document.querySelector('dialog[open]')?.contains({Focused})");
        for (int i = 0; i < 14; i++)
        {
            await window.Page.Keyboard.PressAsync(i % 3 == 2 ? "Shift+Tab" : "Tab");
            // Past the last control the focus may rest on the browser itself, which a page sees as its body; never behind the dialog.
            Assert.True(await window.Page.EvaluateAsync<bool>(
                $"document.querySelector('dialog[open]').contains({Focused}) || {Focused} === document.body"), $"focus left the dialog at step {i}");
        }
        await window.PictureAsync("dialog-create");
        await window.Page.Keyboard.PressAsync("Escape");
        await window.HoldsAsync("document.querySelector('dialog[open]') === null");
        await window.HoldsAsync($"{Focused}.innerText?.includes('Create topic')");
    }

    [Fact]
    public async Task Palette_ByKey_FindsAndOpens()
    {
        await using Window window = await OpenAsync("/", "Overview");
        await window.Page.Keyboard.PressAsync("Control+k");
        await window.HoldsAsync($"{Focused}.matches('[role=combobox]')");
        await window.AssertSoundAsync("the palette");
        await window.Page.Keyboard.TypeAsync("broker 1");
        await window.HoldsAsync("document.querySelector('[role=option][aria-selected=true]')?.innerText.includes('Broker 1')");
        await window.PictureAsync("palette");
        await window.Page.Keyboard.PressAsync("Enter");
        await window.Page.GetByRole(AriaRole.Heading, new() { Name = "Broker 1", Level = 1 }).WaitForAsync();
        await window.Page.Keyboard.PressAsync("?");
        await window.SeesAsync("Keyboard shortcuts");
        await window.AssertSoundAsync("the list of shortcuts");
        await window.Page.Keyboard.PressAsync("Escape");
        await window.HoldsAsync("document.querySelector('dialog[open]') === null");
    }

    [Fact]
    public async Task Rows_ByArrows_AreWalked()
    {
        await using Window window = await OpenAsync("/brokers", "Broker 2");
        await window.Page.GetByRole(AriaRole.Link, new() { Name = "Broker 0", Exact = true }).FocusAsync();
        await window.Page.Keyboard.PressAsync("ArrowDown");
        await window.HoldsAsync($"{Focused}.innerText === 'Broker 1'");
        await window.Page.Keyboard.PressAsync("End");
        await window.HoldsAsync($"{Focused}.innerText === 'Broker 2'");
        await window.Page.Keyboard.PressAsync("Enter");
        await window.Page.GetByRole(AriaRole.Heading, new() { Name = "Broker 2", Level = 1 }).WaitForAsync();
    }

    private async Task<Window> OpenAsync(string path, string shows)
    {
        Window window = await chromium.OpenAsync(host.Http);
        await window.GoAsync(path, shows);
        await window.AliveAsync();
        return window;
    }
}

/// <summary>A default host that nobody else talks to.</summary>
public sealed class QuietHost : IAsyncLifetime
{
    private HostProcess? _host;

    internal HostProcess Host => _host!;

    public Uri Http => Host.Http;

    public async ValueTask InitializeAsync() => _host = await HostProcess.StartAsync();

    public ValueTask DisposeAsync() => _host!.DisposeAsync();
}
