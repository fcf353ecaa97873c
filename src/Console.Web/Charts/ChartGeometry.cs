using System.Globalization;
using System.Text;

namespace WebConsole.Charts;

/// <summary>Turns figures into SVG. Coordinates are rounded to a tenth, so that an unchanged figure gives unchanged markup.
/// Stateless and thread-safe.</summary>
public static class ChartGeometry
{
    /// <summary>The next 1, 2 or 5 times a power of ten at or above the value; for bytes, the next power of two.</summary>
    public static double NiceMax(double value, bool isBytes)
    {
        if (value <= 1)
        {
            return 1;
        }
        if (isBytes)
        {
            return Math.Pow(2, Math.Ceiling(Math.Log2(value)));
        }
        double power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        double lead = value / power;
        return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
    }

    /// <summary>A line through values at equal distances, oldest at the left.</summary>
    public static string Line(IReadOnlyList<double> values, double max, double width, double height)
    {
        var path = new StringBuilder();
        for (int i = 0; i < values.Count; i++)
        {
            double x = values.Count == 1 ? width : width * i / (values.Count - 1);
            double y = height - (height * Math.Clamp(values[i] / max, 0, 1));
            path.Append(i == 0 ? 'M' : 'L').Append(Number(x)).Append(' ').Append(Number(y));
        }
        return path.ToString();
    }

    /// <summary>The same line, closed along the bottom.</summary>
    public static string Area(string line, double width, double height) =>
        line.Length == 0 ? "" : $"{line}L{Number(width)} {Number(height)}L0 {Number(height)}Z";

    /// <summary>A piece of a ring: the angles are shares of a turn, clockwise from the top.</summary>
    public static string RingPiece(double centre, double inner, double outer, double from, double to)
    {
        (double x1, double y1) = At(centre, outer, from);
        (double x2, double y2) = At(centre, outer, to);
        (double x3, double y3) = At(centre, inner, to);
        (double x4, double y4) = At(centre, inner, from);
        int isLarge = to - from > 0.5 ? 1 : 0;
        return $"M{Number(x1)} {Number(y1)}A{Number(outer)} {Number(outer)} 0 {isLarge} 1 {Number(x2)} {Number(y2)}"
            + $"L{Number(x3)} {Number(y3)}A{Number(inner)} {Number(inner)} 0 {isLarge} 0 {Number(x4)} {Number(y4)}Z";
    }

    /// <summary>A point on a circle; the angle is a share of a turn, clockwise from the top.</summary>
    public static (double X, double Y) At(double centre, double radius, double turn)
    {
        double angle = (turn * 2 * Math.PI) - (Math.PI / 2);
        return (centre + (radius * Math.Cos(angle)), centre + (radius * Math.Sin(angle)));
    }

    public static string Number(double value) =>
        (Math.Round(value, 1) + 0.0).ToString("0.#", CultureInfo.InvariantCulture);
}
