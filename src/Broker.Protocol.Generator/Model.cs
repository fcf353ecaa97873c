using System.Globalization;
using Microsoft.CodeAnalysis;

namespace Broker.Protocol.Generator;

/// <summary>An inclusive range of versions in Kafka's notation.</summary>
internal readonly record struct VersionRange(int Low, int High)
{
    public static readonly VersionRange None = new(short.MaxValue, short.MinValue);

    public bool IsEmpty => Low > High;

    public static bool TryParse(string? text, out VersionRange range)
    {
        range = None;
        if (text is null || text == "none")
        {
            return true;
        }
        string[] ends = text.TrimEnd('+').Split('-');
        if (!int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int low))
        {
            return false;
        }
        int high = text.EndsWith("+", System.StringComparison.Ordinal) ? short.MaxValue : low;
        if (ends.Length == 2 && !int.TryParse(ends[1], NumberStyles.None, CultureInfo.InvariantCulture, out high))
        {
            return false;
        }
        range = new VersionRange(low, high);
        return ends.Length <= 2 && low <= high;
    }

    public bool Covers(VersionRange other) => Low <= other.Low && High >= other.High;

    public bool Overlaps(VersionRange other) => Low <= other.High && other.Low <= High;
}

internal enum WireKind
{
    Bool, Int8, Int16, UInt16, Int32, UInt32, Int64, Float64, Uuid, String, Utf8, Bytes, Records, Struct,
}

/// <summary>One field as the emitter needs it.</summary>
internal sealed class FieldModel
{
    public string Name = "";
    public WireKind Kind;

    /// <summary>C# type of the value or of the list's element, without nullability.</summary>
    public string TypeName = "";

    /// <summary>Set when the C# type is an enum over the wire's integer.</summary>
    public bool IsEnum;
    public bool IsList;
    public bool CanBeNull;
    public VersionRange Versions;
    public VersionRange Nullable = VersionRange.None;
    public VersionRange Tagged = VersionRange.None;
    public int Tag = -1;
    public bool Ignorable;

    /// <summary>C# expression of the default; "null" for null, "empty" for an empty list.</summary>
    public string Default = "default";
    public int ElementBytesMin = 1;
}

/// <summary>One class with fields.</summary>
internal sealed class MessageModel
{
    public string Namespace = "";
    public string Name = "";
    public List<string> Containers = [];
    public string Role = "";
    public string ApiKey = "";
    public int ApiKeyValue = -1;
    public VersionRange Versions;
    public VersionRange Flexible = VersionRange.None;
    public List<FieldModel> Fields = [];
}

/// <summary>What the pipeline carries: plain strings, so that an unchanged declaration is not emitted again.</summary>
internal sealed record Emitted(
    string HintName, string Source, string Role, string ApiKey, int ApiKeyValue, string TypeName, string Problem,
    string ProblemArgs, LocationInfo? Where);

internal sealed record LocationInfo(string Path, int Start, int Length, int Line, int Column)
{
    public static LocationInfo? From(Location location)
    {
        if (location.SourceTree is null)
        {
            return null;
        }
        var at = location.GetLineSpan().StartLinePosition;
        return new(location.SourceTree.FilePath, location.SourceSpan.Start, location.SourceSpan.Length, at.Line, at.Character);
    }

    public Location ToLocation() => Location.Create(
        Path,
        new(Start, Length),
        new(new(Line, Column), new(Line, Column + Length)));
}
