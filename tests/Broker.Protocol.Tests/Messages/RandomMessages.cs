using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using Broker.Protocol.Messages;
using Broker.Protocol.Wire;

namespace Broker.Protocol.Tests.Messages;

/// <summary>Fills a message with seeded random values in the fields that a version carries, and compares messages.</summary>
internal static class RandomMessages
{
    public static void Fill(object message, short version, Random random)
    {
        foreach (PropertyInfo property in Fields(message.GetType()))
        {
            FieldAttribute field = property.GetCustomAttribute<FieldAttribute>()!;
            if (Covers(field.Versions, version))
            {
                bool nullable = field.Nullable is { } n && Covers(n, version);
                property.SetValue(message, Value(property.PropertyType, field, version, random, nullable));
            }
        }
    }

    public static IEnumerable<PropertyInfo> Fields(Type type) =>
        type.GetProperties().Where(p => p.GetCustomAttribute<FieldAttribute>() is not null);

    public static bool Covers(string range, short version)
    {
        string[] ends = range.TrimEnd('+').Split('-');
        short low = short.Parse(ends[0], CultureInfo.InvariantCulture);
        short high = range.EndsWith('+') ? short.MaxValue : short.Parse(ends[^1], CultureInfo.InvariantCulture);
        return version >= low && version <= high;
    }

    private static object? Value(Type type, FieldAttribute field, short version, Random random, bool nullable)
    {
        if (nullable && random.Next(3) == 0)
        {
            return null;
        }
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsEnum)
        {
            return Enum.ToObject(type, (short)random.Next(-1, 130));
        }
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(WireList<>))
        {
            var list = (IEnumerable)Activator.CreateInstance(type)!;
            MethodInfo add = type.GetMethod("Add")!;
            for (int i = random.Next(4); i > 0; i--)
            {
                add.Invoke(list, [Value(type.GetGenericArguments()[0], field, version, random, nullable: false)]);
            }
            return list;
        }
        return Scalar(type, random) ?? Structure(type, version, random);
    }

    private static object? Scalar(Type type, Random random) => type switch
    {
        _ when type == typeof(bool) => random.Next(2) == 1,
        _ when type == typeof(sbyte) => (sbyte)random.Next(sbyte.MinValue, sbyte.MaxValue + 1),
        _ when type == typeof(short) => (short)random.Next(short.MinValue, short.MaxValue + 1),
        _ when type == typeof(ushort) => (ushort)random.Next(ushort.MaxValue + 1),
        _ when type == typeof(int) => random.Next(int.MinValue, int.MaxValue),
        _ when type == typeof(uint) => (uint)random.NextInt64(uint.MaxValue + 1L),
        _ when type == typeof(long) => random.NextInt64(long.MinValue, long.MaxValue),
        _ when type == typeof(double) => random.NextDouble(),
        _ when type == typeof(Guid) => new Guid(Bytes(random, 16)),
        _ when type == typeof(string) => Text(random),
        _ when type == typeof(ReadOnlyMemory<byte>) => new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes(Text(random))),
        _ when type == typeof(Wire.Records) => new Wire.Records(Bytes(random, random.Next(300))),
        _ => null,
    };

    private static object Structure(Type type, short version, Random random)
    {
        object made = Activator.CreateInstance(type)!;
        Fill(made, version, random);
        return made;
    }

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static string Text(Random random)
    {
        const string Letters = "abcXYZ-._019äöü€漢";
        return string.Create(random.Next(random.Next(8) == 0 ? 200 : 12), random, static (span, r) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = Letters[r.Next(Letters.Length)];
            }
        });
    }

    /// <summary>The first difference between two messages, or null.</summary>
    public static string? Difference(object? expected, object? actual, string path)
    {
        if (expected is null || actual is null)
        {
            return expected is null && actual is null ? null : $"{path}: {expected ?? "null"} became {actual ?? "null"}";
        }
        Type type = expected.GetType();
        if (expected is ReadOnlyMemory<byte> left && actual is ReadOnlyMemory<byte> right)
        {
            return left.Span.SequenceEqual(right.Span) ? null : $"{path}: bytes differ";
        }
        if (expected is IList or IEnumerable and not string)
        {
            object?[] a = [.. ((IEnumerable)expected).Cast<object?>()];
            object?[] b = [.. ((IEnumerable)actual).Cast<object?>()];
            return a.Length != b.Length
                ? $"{path}: {a.Length} elements became {b.Length}"
                : a.Select((x, i) => Difference(x, b[i], $"{path}[{i}]")).FirstOrDefault(d => d is not null);
        }
        PropertyInfo[] fields = [.. Fields(type)];
        if (fields.Length > 0)
        {
            return fields
                .Select(f => Difference(f.GetValue(expected), f.GetValue(actual), $"{path}.{f.Name}"))
                .FirstOrDefault(d => d is not null);
        }
        return expected.Equals(actual) ? null : $"{path}: {expected} became {actual}";
    }

    public static byte[] Write(IKafkaMessage message, short version)
    {
        var writer = new KafkaWriter();
        message.Write(writer, version);
        return writer.WrittenSpan.ToArray();
    }
}
