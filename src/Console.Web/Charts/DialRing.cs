using Broker.Engine.Admin;
using WebConsole.Models;

namespace WebConsole.Charts;

/// <summary>Where a wheel lies on the dial: 400 units across, the finest wheel innermost. Immutable.</summary>
public sealed class DialRing
{
    private const double Centre = 200;
    private const double InnerRadius = 52;
    private const double OuterRadius = 196;
    private const double Gap = 5;
    private const double WidthMax = 46;

    /// <summary>Units of the dial that a count of up to four signs needs.</summary>
    private const double TextRoom = 26;

    private readonly double _middle;

    private DialRing(int index, WheelView wheel, double inner, double outer)
    {
        Index = index;
        Wheel = wheel;
        _middle = (inner + outer) / 2;
        int buckets = wheel.Buckets.Count;
        double slit = 0.7 / (2 * Math.PI * _middle);
        Pieces = [.. Enumerable.Range(0, buckets).Select(i =>
            ChartGeometry.RingPiece(Centre, inner, outer, ((double)i / buckets) + slit, ((i + 1.0) / buckets) - slit))];
        double turn = (wheel.CurrentBucket + 0.5) / Math.Max(1, buckets);
        (double x1, double y1) = ChartGeometry.At(Centre, inner - 3, turn);
        (double x2, double y2) = ChartGeometry.At(Centre, outer + 3, turn);
        Hand = $"M{ChartGeometry.Number(x1)} {ChartGeometry.Number(y1)}L{ChartGeometry.Number(x2)} {ChartGeometry.Number(y2)}";
        HasRoom = 2 * Math.PI * _middle / Math.Max(1, buckets) >= TextRoom && outer - inner >= 12;
    }

    public int Index { get; }

    public WheelView Wheel { get; }

    /// <summary>SVG paths of the buckets.</summary>
    public IReadOnlyList<string> Pieces { get; }

    /// <summary>SVG path of the mark at the current tick.</summary>
    public string Hand { get; }

    /// <summary>Whether counts can be written into the buckets.</summary>
    public bool HasRoom { get; }

    public static IReadOnlyList<DialRing> Of(IReadOnlyList<WheelView> wheels)
    {
        double width = Math.Min(WidthMax, (OuterRadius - InnerRadius - (Gap * (wheels.Count - 1))) / Math.Max(1, wheels.Count));
        return [.. wheels.Select((wheel, i) =>
        {
            double inner = InnerRadius + (i * (width + Gap));
            return new DialRing(i, wheel, inner, inner + width);
        })];
    }

    public string TextX(int bucket) => ChartGeometry.Number(Place(bucket).X);

    public string TextY(int bucket) => ChartGeometry.Number(Place(bucket).Y);

    /// <summary>What a bucket stands for, in words.</summary>
    public string Title(int bucket)
    {
        int ahead = (bucket - Wheel.CurrentBucket + Wheel.Buckets.Count) % Wheel.Buckets.Count;
        return $"{Format.Plural(Wheel.Buckets[bucket], "operation")}, due in "
            + $"{Format.Duration(ahead * Wheel.TickMs)} to {Format.Duration((ahead + 1) * Wheel.TickMs)}";
    }

    private (double X, double Y) Place(int bucket) => ChartGeometry.At(Centre, _middle, (bucket + 0.5) / Wheel.Buckets.Count);
}
