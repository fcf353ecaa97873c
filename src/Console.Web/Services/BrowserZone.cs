using System.Globalization;

namespace WebConsole.Services;

/// <summary>
/// The time zone of the browser. A cookie brings it with the first request and the circuit corrects it; until either has
/// spoken it is UTC. One per circuit; used on its dispatcher only.
/// </summary>
public sealed class BrowserZone
{
    /// <summary>Name of the cookie: an IANA zone and minutes to add to UTC, as in <c>Europe/Berlin~120</c>.</summary>
    public const string Cookie = "wheelhouse-zone";

    private TimeZoneInfo _zone = TimeZoneInfo.Utc;
    private string? _told;

    public event Action? Changed;

    /// <summary>The zone's name as the browser calls it.</summary>
    public string Name { get; private set; } = "UTC";

    /// <param name="told">A value of the cookie's form; anything else is ignored.</param>
    public void Tell(string? told)
    {
        if (told == _told || told?.Split('~') is not [{ Length: > 0 and < 64 } name, var offset]
            || !int.TryParse(offset, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int minutes)
            || minutes is < -840 or > 840)
        {
            return;
        }
        _told = told;
        Name = name;
        _zone = TimeZoneInfo.TryFindSystemTimeZoneById(name, out TimeZoneInfo? known)
            ? known
            : TimeZoneInfo.CreateCustomTimeZone(name, TimeSpan.FromMinutes(minutes), name, name);
        Changed?.Invoke();
    }

    public DateTimeOffset Local(DateTimeOffset at) => TimeZoneInfo.ConvertTime(at, _zone);

    /// <summary>The instant that a wall clock in the browser's zone means.</summary>
    public DateTimeOffset FromLocal(DateTime wallClock) =>
        new(DateTime.SpecifyKind(wallClock, DateTimeKind.Unspecified), _zone.GetUtcOffset(wallClock));

    /// <summary>With date, to the millisecond: <c>2026-03-01 14:05:06.789</c>.</summary>
    public string Full(DateTimeOffset at) => Local(at).ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);

    /// <summary>With date, to the second.</summary>
    public string Seconds(DateTimeOffset at) => Local(at).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>Time of day, to the second.</summary>
    public string TimeOfDay(DateTimeOffset at) => Local(at).ToString("HH:mm:ss", CultureInfo.InvariantCulture);

    public static string Utc(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture) + " UTC";
}
