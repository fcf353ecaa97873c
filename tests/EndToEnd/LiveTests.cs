using Interop;
using Microsoft.Playwright;

namespace EndToEnd;

/// <summary>What moves in the cluster moves on the screen, unless the operator asks for stillness.</summary>
public sealed class LiveTests(Chromium chromium, LivingHost host) : IClassFixture<LivingHost>
{
    [Fact]
    public async Task Segments_WhileAProducerWrites_Grow_AndStandStillWhilePaused()
    {
        await using Window window = await OpenAsync($"/segments?topic={LivingHost.Topic}&partition=0", "Log end");
        double first = await window.FigureAsync("Log end");
        await LogEndAsync(window, first + 1);

        await window.PressSpaceAsync();
        await window.SeesAsync("this page stands still");
        double paused = await window.FigureAsync("Log end");
        await GrowsAsync(paused + 5);
        Assert.Equal(paused, await window.FigureAsync("Log end"));
        await window.AssertSoundAsync("the paused page");
        await window.PictureAsync("paused");

        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Resume", Exact = true }).ClickAsync();
        await LogEndAsync(window, paused + 5);
    }

    [Fact]
    public async Task TimingWheel_WhileALongPollWaits_IsFilled()
    {
        // The group's consumer polls the brokers that lead its partitions, and its heartbeat is awaited by one coordinator.
        await using Window window = await OpenAsync("/timers", "Heartbeat");
        await window.HoldsAsync("[...document.querySelectorAll('[aria-label=\"Purgatory Fetch\"] .dial-piece')].some(p => !p.classList.contains('fill-0'))");
        await window.HoldsAsync("document.querySelectorAll('[aria-label=\"Purgatory Fetch\"] .dial-list li').length > 0");
        await window.HoldsAsync("[...document.querySelectorAll('.dial-facts dd')].some(d => parseFloat(d.textContent) > 0)");
        ILocator facts = window.Page.Locator("[aria-label=\"Purgatory Fetch\"] .dial-facts");   // no other is sure to move
        string before = await facts.InnerTextAsync();
        await Until.SeenAsync("the figures move", () => facts.InnerTextAsync(), text => text != before);
    }

    [Fact]
    public async Task Messages_WhileFollowed_Appear_AndAreHeldWhilePaused()
    {
        await using Window window = await OpenAsync($"/messages?topic={LivingHost.Topic}", "record");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Follow" }).ClickAsync();
        string top = await TopAsync(window);
        await Until.SeenAsync("a record comes", () => TopAsync(window), text => text != top);

        await window.PressSpaceAsync();
        await window.SeesAsync("this page stands still");
        string held = await TopAsync(window);
        await GrowsAsync(await EndAsync() + 3);
        Assert.Equal(held, await TopAsync(window));
        await window.PressSpaceAsync();
        await Until.SeenAsync("what was held comes", () => TopAsync(window), text => text != held);
    }

    [Fact]
    public async Task Replicas_WhileAProducerWrites_Grow_AndStandStillWhilePaused()
    {
        await using Window window = await OpenAsync($"/topics/{LivingHost.Topic}?tab=replicas", "Known by");
        Task<string> Ends() => window.Page.Locator("section[aria-label=Replicas]").InnerTextAsync();
        string first = await Ends();
        await Until.SeenAsync("the ends grow", Ends, text => text != first);
        await window.PressSpaceAsync();
        await window.SeesAsync("this page stands still");
        string paused = await Ends();
        await GrowsAsync(await EndAsync() + 3);
        Assert.Equal(paused, await Ends());
    }

    [Fact]
    public async Task Message_ProducedAsATombstone_ReadsNull()
    {
        await using Window window = await OpenAsync("/messages?topic=backlog&partition=1", "No messages");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Produce" }).ClickAsync();
        await window.Page.GetByLabel("Key").FillAsync("gone");
        await window.Page.GetByLabel("Null value: a tombstone").CheckAsync();
        await window.Page.GetByLabel("Headers").FillAsync("why=test");
        await window.AssertSoundAsync("the dialog that produces");
        await window.PictureAsync("dialog-produce");
        await window.Page.Locator("dialog [type=submit]").ClickAsync();
        await window.HoldsAsync("document.querySelector('.value-cell .null')?.textContent === 'null'");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Record 1, 0" }).ClickAsync();
        await window.SeesAsync("a tombstone");
        await window.AssertSoundAsync("the record");
        await window.PictureAsync("message-null");
    }

    private async Task<Window> OpenAsync(string path, string shows)
    {
        Window window = await chromium.OpenAsync(host.Http);
        await window.GoAsync(path, shows);
        await window.AliveAsync();
        return window;
    }

    private static Task LogEndAsync(Window window, double least) => Until.SeenAsync(
        $"the page shows a log end of {least}", () => window.FigureAsync("Log end"), end => end >= least);

    private static Task<string> TopAsync(Window window) => window.Page.Locator(".messages tbody tr").First.InnerTextAsync();

    private async Task<long> EndAsync()
    {
        using var http = new HttpClient { BaseAddress = host.Http };
        return (await Rest.GetAsync(http, $"/api/v1/topics/{LivingHost.Topic}/partitions/0/segments")).GetProperty("logEndOffset").GetInt64();
    }

    private Task GrowsAsync(double beyond) => Until.SeenAsync($"the log ends beyond {beyond}", EndAsync, end => end > beyond);
}
