namespace Broker.Protocol.Generator;

/// <summary>The writing half.</summary>
internal sealed partial class CodecEmitter
{
    private void EmitWrite()
    {
        Line($"internal void WriteFields({Wire}KafkaWriter writer, short version, bool flexible)");
        Open();
        foreach (FieldModel field in model.Fields)
        {
            VersionRange plain = Plain(field);
            bool always = plain.Covers(model.Versions);
            if (!plain.IsEmpty)
            {
                if (!always)
                {
                    Line($"if ({Condition(plain)})");
                    Open();
                }
                EmitWriteValue(field);
                if (!always)
                {
                    Close();
                }
            }
            if (!always && !field.Ignorable && !field.Versions.Covers(model.Versions))
            {
                Line($"{(plain.IsEmpty ? "" : "else ")}if (!({Condition(field.Versions)}) && {IsNotDefault(field)})");
                Open();
                Refuse($"{model.Name}.{field.Name} has a value that version {{version}} cannot carry");
                Close();
            }
        }
        if (!model.Flexible.IsEmpty)
        {
            EmitWriteTagged();
        }
        Close();
    }

    private void EmitWriteTagged()
    {
        List<FieldModel> tagged = [.. model.Fields.Where(f => f.Tag >= 0).OrderBy(f => f.Tag)];
        Line("if (flexible)");
        Open();
        if (tagged.Count == 0)
        {
            Line("writer.WriteUnsignedVarint(0);");
            Close();
            return;
        }
        string Present(FieldModel field) => field.Tagged.Covers(model.Versions)
            ? IsNotDefault(field) : $"{Condition(field.Tagged)} && {IsNotDefault(field)}";
        Line("uint tags = 0;");
        foreach (FieldModel field in tagged)
        {
            Line($"if ({Present(field)})");
            Open();
            Line("tags++;");
            Close();
        }
        Line("writer.WriteUnsignedVarint(tags);");
        foreach (FieldModel field in tagged)
        {
            Line($"if ({Present(field)})");
            Open();
            Line($"int at = writer.BeginTaggedField({field.Tag});");
            EmitWriteValue(field);
            Line("writer.EndTaggedField(at);");
            Close();
        }
        Close();
    }

    private void EmitWriteValue(FieldModel field)
    {
        string? nullable = NullableHere(field);
        bool mayBeNull = field.CanBeNull && !(field.Kind == WireKind.Struct && !field.IsList && field.Tag >= 0);
        if (mayBeNull && nullable != "true")
        {
            Line($"if ({field.Name} is null && !({nullable ?? "false"}))");
            Open();
            Refuse($"{model.Name}.{field.Name} is null, which version {{version}} cannot carry");
            Close();
        }
        if (field.IsList)
        {
            string item = $"item{_serial}";
            (string length, string count) = field.CanBeNull
                ? ($"{field.Name}?.Count ?? -1", $"({field.Name}?.Count ?? 0)")
                : ($"{field.Name}.Count", $"{field.Name}.Count");
            Line($"writer.WriteLength({length}, flexible);");
            Line($"for (int n = 0; n < {count}; n++)");
            Open();
            Line($"var {item} = {field.Name}{(field.CanBeNull ? "!" : "")}[n];");
            _serial++;
            Line(WriteStatement(field, item));
            Close();
        }
        else if (field.Kind == WireKind.Struct && field.CanBeNull && field.Tag < 0)
        {
            Line($"writer.WriteInt8((sbyte)({field.Name} is null ? -1 : 1));");
            Line($"{field.Name}?.WriteFields(writer, version, flexible);");
        }
        else
        {
            Line(WriteStatement(field, field.Kind == WireKind.Struct && field.CanBeNull ? field.Name + "!" : field.Name));
        }
    }

    private static string WriteStatement(FieldModel field, string value) => field.Kind switch
    {
        WireKind.Struct => $"{value}.WriteFields(writer, version, flexible);",
        WireKind.String or WireKind.Utf8 or WireKind.Bytes or WireKind.Records =>
            $"writer.Write{field.Kind}({value}, flexible);",
        _ when field.IsEnum => $"writer.Write{field.Kind}(({EnumBase(field.Kind)}){value});",
        _ => $"writer.Write{field.Kind}({value});",
    };

    private static string EnumBase(WireKind kind) => kind switch
    {
        WireKind.Int8 => "sbyte",
        WireKind.Int16 => "short",
        WireKind.UInt16 => "ushort",
        WireKind.Int32 => "int",
        WireKind.UInt32 => "uint",
        _ => "long",
    };

    private static string IsNotDefault(FieldModel field)
    {
        if (field.IsList)
        {
            return field.Default == "null" ? $"{field.Name} is not null"
                : field.CanBeNull ? $"{field.Name} is null or {{ Count: > 0 }}" : $"{field.Name}.Count > 0";
        }
        return field.Kind switch
        {
            WireKind.Struct => field.CanBeNull ? $"{field.Name} is not null" : "true",
            WireKind.Records => $"{field.Name}.HasValue",
            WireKind.Utf8 or WireKind.Bytes => field.CanBeNull ? $"{field.Name} is not null" : $"{field.Name}.Length > 0",
            _ when field.Default == "null" => $"{field.Name} is not null",
            _ => $"{field.Name} != {field.Default}",
        };
    }
}
