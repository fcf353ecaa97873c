using System.Globalization;
using System.Text.RegularExpressions;

namespace Broker.Engine.Configuration;

/// <summary>What a value must satisfy beyond its type; the messages are Kafka's (ConfigDef.Range, ValidString ...).
/// Immutable.</summary>
internal abstract partial class ConfigRule
{
    public static readonly ConfigRule Any = new AnyRule();

    /// <summary>Why the value is not allowed, or null.</summary>
    public abstract string? Check(string name, object? value);

    /// <summary>Values allowed, when they are few.</summary>
    public virtual IReadOnlyList<string>? Allowed => null;

    /// <summary>The rule in a few characters, for the documentation.</summary>
    public abstract string Text { get; }

    public static ConfigRule AtLeast(double low) => new Range(low, double.PositiveInfinity);

    public static ConfigRule Between(double low, double high) => new Range(low, high);

    public static ConfigRule OneOf(params string[] values) => new Choice(values, list: false);

    public static ConfigRule ListOf(params string[] values) => new Choice(values, list: true);

    public static ConfigRule NonEmpty { get; } = new NonEmptyRule();

    /// <summary>-1 or a level of gzip (Kafka: GzipCompression.LevelValidator).</summary>
    public static ConfigRule GzipLevel { get; } = new GzipRule();

    /// <summary>Lists of partition:broker, or a star (Kafka: ThrottledReplicaListValidator).</summary>
    public static ConfigRule ThrottledReplicas { get; } = new ThrottledRule();

    protected static string Invalid(string name, object? value, string why) =>
        $"Invalid value {Text1(value)} for configuration {name}: {why}";

    private static string Text1(object? value) => value switch
    {
        null => "null",
        IReadOnlyList<string> list => $"[{string.Join(", ", list)}]",
        double number when number == Math.Floor(number) && Math.Abs(number) < 1e7 => number.ToString("0.0", CultureInfo.InvariantCulture),
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    private sealed class AnyRule : ConfigRule
    {
        public override string Text => "";

        public override string? Check(string name, object? value) => null;
    }

    private sealed class Range(double low, double high) : ConfigRule
    {
        public override string Text => double.IsPositiveInfinity(high)
            ? string.Create(CultureInfo.InvariantCulture, $"[{low},...]") : string.Create(CultureInfo.InvariantCulture, $"[{low},...,{high}]");

        public override string? Check(string name, object? value)
        {
            if (value is null)
            {
                return null;
            }
            double number = Convert.ToDouble(value, CultureInfo.InvariantCulture);
            return number < low ? Invalid(name, value, string.Create(CultureInfo.InvariantCulture, $"Value must be at least {low}"))
                : number > high ? Invalid(name, value, string.Create(CultureInfo.InvariantCulture, $"Value must be no more than {high}"))
                : null;
        }
    }

    private sealed class Choice(string[] values, bool list) : ConfigRule
    {
        public override IReadOnlyList<string> Allowed => values;

        public override string Text => $"[{string.Join(", ", values)}]";

        public override string? Check(string name, object? value)
        {
            IEnumerable<string> given = value switch
            {
                null => [],
                IReadOnlyList<string> many => many,
                _ => [(string)value],
            };
            string? wrong = given.FirstOrDefault(v => Array.IndexOf(values, v) < 0);
            return wrong is null ? null : Invalid(name, list ? wrong : value, $"String must be one of: {string.Join(", ", values)}");
        }
    }

    private sealed class NonEmptyRule : ConfigRule
    {
        public override string Text => "non-empty string";

        public override string? Check(string name, object? value) =>
            value is string { Length: 0 } or IReadOnlyList<string> { Count: 0 } ? Invalid(name, value, "String must be non-empty") : null;
    }

    private sealed class GzipRule : ConfigRule
    {
        public override string Text => "[1,...,9] or -1";

        public override string? Check(string name, object? value) =>
            value is int level && level != -1 && level is < 1 or > 9
                ? Invalid(name, value, "Value must be between 1 and 9 or equal to -1") : null;
    }

    private sealed partial class ThrottledRule : ConfigRule
    {
        public override string Text => "[partitionId]:[brokerId],[partitionId]:[brokerId],...";

        [GeneratedRegex("^[0-9]+:[0-9]+$")]
        private static partial Regex Pair();

        public override string? Check(string name, object? value) =>
            value is not IReadOnlyList<string> list || list is ["*"] || list.All(p => Pair().IsMatch(p)) ? null : Invalid(
                name, value, $"{name} must be the literal '*' or a list of replicas in the following format: {Text}");
    }
}
