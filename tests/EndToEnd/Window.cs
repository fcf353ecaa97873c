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
            if (message.Type == "error" && !message.Text.Contains("404", StringComparison.Ordinal))   // a page that is not there says so
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
        double took = await Page.EvaluateAsync<double>(
            """
            shows => new Promise(done => {
              const look = () => document.body?.innerText.includes(shows) ? done(performance.now())
                : performance.now() > 15000 ? done(-1) : setTimeout(look, 5);
              look();
            })
            """,
            shows);
        Assert.True(took >= 0, $"{path} does not show '{shows}' but\n{await Page.Locator("body").InnerTextAsync()}");
        return took;
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

    /// <summary>Presses the key that pauses and resumes, with nothing focused that would take it for itself.</summary>
    public async Task PressSpaceAsync()
    {
        await Page.EvaluateAsync("document.activeElement?.blur()");
        await Page.Keyboard.PressAsync(" ");
    }

    /// <summary>The figure under a name, as a number.</summary>
    public async Task<double> FigureAsync(string name)
    {
        string text = await Page.Locator($".figure:has(.figure-name:text-is('{name}')) .figure-value").InnerTextAsync();
        string digits = new([.. text.TakeWhile(c => char.IsAsciiDigit(c) || c is ',' or '.')]);
        return double.Parse(digits, NumberStyles.Number, CultureInfo.InvariantCulture);
    }

    /// <summary>What a reader, a screen reader or a narrow window would trip over on the page as it is.</summary>
    public async Task<IReadOnlyList<string>> ProblemsAsync(string what)
    {
        List<string> problems = [.. _errors];
        _errors.Clear();
        if (await HasAsync("This page failed"))
        {
            problems.Add("it failed");
        }
        int over = await Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        if (over > 0)
        {
            problems.Add($"{over} pixels wider than the window");
        }
        AxeResult found = await Page.RunAxe();
        problems.AddRange(found.Violations.Where(v => v.Impact is "serious" or "critical")
            .Select(v => $"axe: {v.Id} ({v.Impact}): {string.Join(" | ", v.Nodes.Take(3).Select(n => n.Html))}"));
        return [.. problems.Select(p => $"{what}: {p}")];
    }

    public async Task AssertSoundAsync(string what)
    {
        IReadOnlyList<string> problems = await ProblemsAsync(what);
        Assert.True(problems.Count == 0, string.Join('\n', problems));
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
