using System.Globalization;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace EndToEnd;

/// <summary>A browser window on the console, with what went wrong in it.</summary>
public sealed class Window : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _errors = [];

    internal Window(IBrowserContext context, IPage page)
    {
        _context = context;
        Page = page;
        page.PageError += (_, error) => _errors.Add($"{page.Url}: {error}");
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
            {
                _errors.Add($"{page.Url}: {message.Text}");
            }
        };
    }

    public IPage Page { get; }

    /// <summary>Goes to a page and waits until it shows a text of its data.</summary>
    /// <returns>Milliseconds from the navigation to the data, by the browser's clock.</returns>
    public async Task<double> GoAsync(string path, string shows)
    {
        await Page.GotoAsync(path, new PageGotoOptions { WaitUntil = WaitUntilState.Commit });
        return await Page.EvaluateAsync<double>(
            """
            shows => new Promise(done => {
              const look = () => document.body?.innerText.includes(shows) ? done(performance.now()) : setTimeout(look, 5);
              look();
            })
            """,
            shows);
    }

    /// <summary>Waits until the page's circuit is up: before that, nothing answers.</summary>
    public Task AliveAsync() => Page.Locator(".theme-switch [aria-pressed=true]").WaitForAsync();

    public async Task<bool> HasAsync(string text) =>
        (await Page.Locator("body").InnerTextAsync()).Contains(text, StringComparison.Ordinal);

    /// <summary>Waits until the page shows a text.</summary>
    public Task SeesAsync(string text) => Page.GetByText(text).First.WaitForAsync();

    /// <summary>Waits for a change within the page.</summary>
    public Task HoldsAsync(string javascript, int timeoutMs = 20_000) =>
        Page.WaitForFunctionAsync(javascript, null, new PageWaitForFunctionOptions { Timeout = timeoutMs });

    /// <summary>The figure under a name, as a number.</summary>
    public async Task<double> FigureAsync(string name)
    {
        string text = await Page.Locator($".figure:has(.figure-name:text-is('{name}')) .figure-value").InnerTextAsync();
        string digits = new([.. text.TakeWhile(c => char.IsAsciiDigit(c) || c is ',' or '.')]);
        return double.Parse(digits, NumberStyles.Number, CultureInfo.InvariantCulture);
    }

    /// <summary>What a reader, a screen reader or a narrow window would trip over on the page as it is.</summary>
    public async Task AssertSoundAsync(string what)
    {
        Assert.True(_errors.Count == 0, $"{what}: {string.Join('\n', _errors)}");
        Assert.False(await HasAsync("This page failed"), $"{what} failed");
        int over = await Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        Assert.True(over <= 0, $"{what} is {over} pixels wider than the window");
        AxeResult found = await Page.RunAxe();
        List<string> grave =
        [
            .. found.Violations.Where(v => v.Impact is "serious" or "critical")
                .Select(v => $"{v.Id} ({v.Impact}): {string.Join(" | ", v.Nodes.Take(3).Select(n => n.Html))}"),
        ];
        Assert.True(grave.Count == 0, $"{what}: axe finds\n{string.Join('\n', grave)}");
    }

    /// <summary>Keeps a picture where CONSOLE_PICTURES names a folder.</summary>
    public async Task PictureAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("CONSOLE_PICTURES") is { Length: > 0 } folder)
        {
            await Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, name + ".png"), FullPage = true });
        }
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();
}
