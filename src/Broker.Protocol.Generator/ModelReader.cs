using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Broker.Protocol.Generator;

/// <summary>Reads one declared class into a <see cref="MessageModel"/>; the first problem found ends the reading.</summary>
internal sealed class ModelReader(Compilation compilation, CancellationToken cancellationToken)
{
    private const string Prefix = "Broker.Protocol.Messages.";

    public DiagnosticDescriptor? Problem { get; private set; }
    public string ProblemArgs { get; private set; } = "";
    public Location? Where { get; private set; }

    public MessageModel? Read(INamedTypeSymbol type, AttributeData attribute)
    {
        var model = new MessageModel
        {
            Name = type.Name,
            Namespace = type.ContainingNamespace.ToDisplayString(),
            Role = attribute.AttributeClass!.Name.Replace("Kafka", "").Replace("Attribute", ""),
        };
        for (INamedTypeSymbol? outer = type.ContainingType; outer is not null; outer = outer.ContainingType)
        {
            model.Containers.Insert(0, outer.Name);
        }
        if (!IsPartial(type))
        {
            return Fail(Diagnostics.NotPartial, type, type.Name);
        }
        if (!ReadHeader(model, type, attribute))
        {
            return null;
        }
        foreach (IPropertySymbol property in type.GetMembers().OfType<IPropertySymbol>())
        {
            AttributeData? field = property.GetAttributes().FirstOrDefault(
                a => a.AttributeClass?.ToDisplayString() == Prefix + "FieldAttribute");
            if (field is null)
            {
                continue;
            }
            FieldModel? read = ReadField(model, property, field);
            if (read is null)
            {
                return null;
            }
            model.Fields.Add(read);
        }
        List<int> tags = [.. model.Fields.Where(f => f.Tag >= 0).Select(f => f.Tag).OrderBy(t => t)];
        for (int i = 1; i < tags.Count; i++)
        {
            if (tags[i] == tags[i - 1])
            {
                return Fail(Diagnostics.BadTag, type, type.Name);
            }
        }
        return model;
    }

    private bool ReadHeader(MessageModel model, INamedTypeSymbol type, AttributeData attribute)
    {
        if (model.Role == "Struct")
        {
            model.Versions = new VersionRange(0, short.MaxValue);
            model.Flexible = new VersionRange(0, short.MaxValue);
            return true;
        }
        int at = 0;
        if (model.Role is "Request" or "Response")
        {
            TypedConstant key = attribute.ConstructorArguments[at++];
            model.ApiKeyValue = System.Convert.ToInt32(key.Value, CultureInfo.InvariantCulture);
            model.ApiKey = key.Type!.GetMembers().OfType<IFieldSymbol>()
                .First(f => f.HasConstantValue && Equals(f.ConstantValue, key.Value)).Name;
        }
        string versions = (string)attribute.ConstructorArguments[at++].Value!;
        string flexible = (string)attribute.ConstructorArguments[at].Value!;
        if (!VersionRange.TryParse(versions, out model.Versions) || model.Versions.IsEmpty)
        {
            Fail(Diagnostics.BadRange, type, type.Name, versions);
            return false;
        }
        if (!VersionRange.TryParse(flexible, out model.Flexible))
        {
            Fail(Diagnostics.BadRange, type, type.Name, flexible);
            return false;
        }
        return true;
    }

    private FieldModel? ReadField(MessageModel model, IPropertySymbol property, AttributeData attribute)
    {
        string name = model.Name + "." + property.Name;
        var field = new FieldModel { Name = property.Name };
        string? nullable = null;
        string? tagged = null;
        bool utf8 = false;
        foreach (KeyValuePair<string, TypedConstant> named in attribute.NamedArguments)
        {
            switch (named.Key)
            {
                case "Nullable": nullable = (string?)named.Value.Value; break;
                case "Tagged": tagged = (string?)named.Value.Value; break;
                case "Tag": field.Tag = (int)named.Value.Value!; break;
                case "Ignorable": field.Ignorable = (bool)named.Value.Value!; break;
                case "Utf8": utf8 = (bool)named.Value.Value!; break;
            }
        }
        string versions = (string)attribute.ConstructorArguments[0].Value!;
        if (field.Tag >= 0)
        {
            tagged ??= versions;
        }
        if (!VersionRange.TryParse(versions, out field.Versions)
            || !VersionRange.TryParse(nullable, out field.Nullable)
            || !VersionRange.TryParse(tagged, out field.Tagged))
        {
            Fail(Diagnostics.BadRange, property, name, string.Join(", ", versions, nullable, tagged));
            return null;
        }
        if (!field.Tagged.IsEmpty && model.Role != "Struct" && field.Tagged.Low < model.Flexible.Low)
        {
            Fail(Diagnostics.TagNotFlexible, property, name, field.Tagged.Low.ToString(CultureInfo.InvariantCulture));
            return null;
        }
        if (!ReadType(field, property, utf8))
        {
            Fail(Diagnostics.BadType, property, name, property.Type.ToDisplayString());
            return null;
        }
        bool taggedStruct = field.Kind == WireKind.Struct && !field.IsList && field.Tag >= 0;
        if (field.Kind != WireKind.Records && field.CanBeNull != (!field.Nullable.IsEmpty || taggedStruct))
        {
            Fail(Diagnostics.BadNullable, property, name);
            return null;
        }
        if (!ReadDefault(field, property))
        {
            Fail(Diagnostics.BadDefault, property, name);
            return null;
        }
        return field;
    }

    private static bool ReadType(FieldModel field, IPropertySymbol property, bool utf8)
    {
        ITypeSymbol type = property.Type;
        if (type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T } boxed)
        {
            field.CanBeNull = true;
            type = boxed.TypeArguments[0];
        }
        else
        {
            field.CanBeNull = type.NullableAnnotation == NullableAnnotation.Annotated;
        }
        if (type is INamedTypeSymbol { IsGenericType: true, Name: "WireList" } list)
        {
            field.IsList = true;
            type = list.TypeArguments[0];
        }
        return ReadElement(field, type.WithNullableAnnotation(NullableAnnotation.NotAnnotated), utf8);
    }

    private static bool ReadElement(FieldModel field, ITypeSymbol type, bool utf8)
    {
        field.TypeName = type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat);
        ITypeSymbol wire = type;
        if (type is INamedTypeSymbol { TypeKind: TypeKind.Enum } enumeration)
        {
            field.IsEnum = true;
            wire = enumeration.EnumUnderlyingType!;
        }
        WireKind? kind = wire.SpecialType switch
        {
            SpecialType.System_Boolean => WireKind.Bool,
            SpecialType.System_SByte => WireKind.Int8,
            SpecialType.System_Int16 => WireKind.Int16,
            SpecialType.System_UInt16 => WireKind.UInt16,
            SpecialType.System_Int32 => WireKind.Int32,
            SpecialType.System_UInt32 => WireKind.UInt32,
            SpecialType.System_Int64 => WireKind.Int64,
            SpecialType.System_Double => WireKind.Float64,
            SpecialType.System_String => WireKind.String,
            _ => wire.Name switch
            {
                "Guid" => WireKind.Uuid,
                "ReadOnlyMemory" => utf8 ? WireKind.Utf8 : WireKind.Bytes,
                "Records" => WireKind.Records,
                _ => null,
            },
        };
        if (kind is null && type.GetAttributes().Any(a => a.AttributeClass?.Name == "KafkaStructAttribute"))
        {
            kind = WireKind.Struct;
        }
        field.Kind = kind ?? default;
        field.ElementBytesMin = kind is { } known ? LeastBytes(known, type) : 0;
        return kind is not null;
    }

    /// <summary>The least bytes an element takes in any version: what bounds a hostile array length.</summary>
    private static int LeastBytes(WireKind kind, ITypeSymbol type)
    {
        switch (kind)
        {
            case WireKind.Int16 or WireKind.UInt16: return 2;
            case WireKind.Int32 or WireKind.UInt32: return 4;
            case WireKind.Int64 or WireKind.Float64: return 8;
            case WireKind.Uuid: return 16;
            case WireKind.Struct:
                int sum = 0;
                foreach (IPropertySymbol property in type.GetMembers().OfType<IPropertySymbol>())
                {
                    AttributeData? attribute = property.GetAttributes().FirstOrDefault(a => a.AttributeClass?.Name == "FieldAttribute");
                    if (attribute is null || (string?)attribute.ConstructorArguments[0].Value != "0+"
                        || attribute.NamedArguments.Any(n => n.Key == "Tag"))
                    {
                        continue;
                    }
                    var field = new FieldModel();
                    if (ReadType(field, property, utf8: false))
                    {
                        sum += field.IsList || field.CanBeNull ? 1 : field.ElementBytesMin;
                    }
                }
                return System.Math.Max(1, sum);
            default: return 1;
        }
    }

    private bool ReadDefault(FieldModel field, IPropertySymbol property)
    {
        field.Default = field.CanBeNull ? "null" : field.IsList ? "empty" : field.Kind == WireKind.String ? "\"\"" : "default";
        var syntax = (PropertyDeclarationSyntax?)property.DeclaringSyntaxReferences[0].GetSyntax(cancellationToken);
        ExpressionSyntax? value = syntax?.Initializer?.Value;
        if (value is null or LiteralExpressionSyntax { RawKind: (int)SyntaxKind.NullLiteralExpression })
        {
            return true;
        }
        if (value is CollectionExpressionSyntax { Elements.Count: 0 })
        {
            field.Default = "empty";
            return field.IsList;
        }
        if (value is BaseObjectCreationExpressionSyntax && field.Kind == WireKind.Struct)
        {
            return true;
        }
        SemanticModel semantics = compilation.GetSemanticModel(value.SyntaxTree);
        Optional<object?> constant = semantics.GetConstantValue(value, cancellationToken);
        if (!constant.HasValue)
        {
            return false;
        }
        field.Default = constant.Value switch
        {
            string text => SymbolDisplay.FormatLiteral(text, quote: true),
            bool flag => flag ? "true" : "false",
            _ => $"({field.TypeName})({System.Convert.ToString(constant.Value, CultureInfo.InvariantCulture)})",
        };
        return true;
    }

    private static bool IsPartial(INamedTypeSymbol type) => type.DeclaringSyntaxReferences
        .Select(r => r.GetSyntax())
        .OfType<ClassDeclarationSyntax>()
        .Any(c => c.Modifiers.Any(SyntaxKind.PartialKeyword));

    private MessageModel? Fail(DiagnosticDescriptor problem, ISymbol at, params string[] args)
    {
        Problem ??= problem;
        ProblemArgs = string.Join("\u0001", args);
        Where ??= at.Locations.FirstOrDefault();
        return null;
    }
}
