namespace Interop;

/// <summary>The segments of a partition on two brokers.</summary>
internal static class SegmentFiles
{
    /// <summary>Both have the same, byte for byte.</summary>
    public static void AssertSame(string one, string other)
    {
        Assert.Equal(Names(one), Names(other));
        foreach (string segment in Names(one))
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(one, segment));
            Assert.True(bytes.AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(other, segment))), $"{one} and {other} differ in {segment}");
        }
    }

    private static string[] Names(string directory) =>
        [.. Directory.GetFiles(directory, "*.log").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
}
