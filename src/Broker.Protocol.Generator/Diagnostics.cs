using Microsoft.CodeAnalysis;

namespace Broker.Protocol.Generator;

internal static class Diagnostics
{
    public static readonly DiagnosticDescriptor NotPartial = Error("KMSG001", "{0} must be declared partial");
    public static readonly DiagnosticDescriptor BadRange = Error("KMSG002", "{0}: '{1}' is not a version range");
    public static readonly DiagnosticDescriptor TagNotFlexible =
        Error("KMSG003", "{0}: tagged in version {1}, which is not flexible");
    public static readonly DiagnosticDescriptor BadTag = Error("KMSG004", "{0}: tags must be 0, 1, 2, ... each once");
    public static readonly DiagnosticDescriptor BadType = Error("KMSG005", "{0}: type {1} has no wire form");
    public static readonly DiagnosticDescriptor Unpaired = Error("KMSG006", "API {0} has no {1}");
    public static readonly DiagnosticDescriptor BadNullable =
        Error("KMSG007", "{0}: Nullable versions and the property's nullability disagree");
    public static readonly DiagnosticDescriptor BadDefault = Error("KMSG008", "{0}: the initializer is not a constant");

    private static DiagnosticDescriptor Error(string id, string format) =>
        new(id, format, format, "Protocol", DiagnosticSeverity.Error, isEnabledByDefault: true);
}
