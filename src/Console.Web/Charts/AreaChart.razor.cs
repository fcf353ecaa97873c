using Microsoft.AspNetCore.Components;
using WebConsole.Models;

namespace WebConsole.Charts;

/// <summary>One or two series over the last minutes. Markup is built anew only when the last point is a new one.</summary>
public sealed partial class AreaChart
{
    private const int W = 600;
    private const int H = 100;
    private string _line = "";
    private string _area = "";
    private string? _second;
    private string _labels = "";
    private string _summary = "";
    private double _max = 1;
    private DateTimeOffset _drawn;
    private int _drawnCount = -1;

    [Parameter, EditorRequired] public string Title { get; set; } = "";

    [Parameter, EditorRequired] public IReadOnlyList<DateTimeOffset> Times { get; set; } = [];

    [Parameter, EditorRequired] public IReadOnlyList<double> Values { get; set; } = [];

    /// <summary>A second series, drawn as a line only.</summary>
    [Parameter] public IReadOnlyList<double>? Second { get; set; }

    [Parameter] public (string First, string Second)? Legend { get; set; }

    [Parameter] public bool IsBytes { get; set; }

    protected override void OnParametersSet()
    {
        if (Times.Count == _drawnCount && (Times.Count == 0 || Times[^1] == _drawn))
        {
            return;
        }
        (_drawnCount, _drawn) = (Times.Count, Times.Count > 0 ? Times[^1] : default);
        double highest = Math.Max(Highest(Values), Second is null ? 0 : Highest(Second));
        _max = ChartGeometry.NiceMax(highest, IsBytes);
        _line = ChartGeometry.Line(Values, _max, W, H);
        _area = ChartGeometry.Area(_line, W, H);
        _second = Second is null ? null : ChartGeometry.Line(Second, _max, W, H);
        _labels = string.Join('|', Enumerable.Range(0, Values.Count).Select(Label));
        _summary = Values.Count == 0
            ? $"{Title}: no figures yet"
            : $"{Title}: now {Latest(Values)}, highest {Write(highest)} since {Zone.TimeOfDay(Times[0])}";
    }

    private static double Highest(IReadOnlyList<double> values) => values.Count == 0 ? 0 : values.Max();

    private string Label(int i) => Second is null
        ? $"{Zone.TimeOfDay(Times[i])}  {Write(Values[i])}"
        : $"{Zone.TimeOfDay(Times[i])}  {Write(Values[i])} / {Write(Second[i])}";

    private string Latest(IReadOnlyList<double> values) => values.Count == 0 ? Format.None : Write(values[^1]);

    private string Write(double value) => IsBytes ? Format.BytesRate(value) : Format.Rate(value) + "/s";
}
