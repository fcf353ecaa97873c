namespace Broker.Protocol.Generator;

/// <summary>The reading half.</summary>
internal sealed partial class CodecEmitter
{
    private void EmitRead()
    {
        Line($"internal void ReadFields(ref {Wire}KafkaReader reader, short version, bool flexible)");
        Open();
        foreach (FieldModel field in model.Fields)
        {
            VersionRange plain = Plain(field);
            if (plain.IsEmpty)
            {
                EmitSetDefault(field);
                continue;
            }
            if (plain.Covers(model.Versions))
            {
                EmitReadValue(field);
                continue;
            }
            Line($"if ({Condition(plain)})");
            Open();
            EmitReadValue(field);
            Close();
            Line("else");
            Open();
            EmitSetDefault(field);
            Close();
        }
        if (!model.Flexible.IsEmpty)
        {
            EmitReadTagged();
        }
        Close();
    }

    private void EmitReadTagged()
    {
        List<FieldModel> tagged = [.. model.Fields.Where(f => f.Tag >= 0).OrderBy(f => f.Tag)];
        Line("if (flexible)");
        Open();
        if (tagged.Count == 0)
        {
            Line("reader.SkipTaggedFields();");
            Close();
            return;
        }
        Line("uint tags = reader.ReadUnsignedVarint();");
        Line("for (uint i = 0; i < tags; i++)");
        Open();
        Line("switch (reader.ReadUnsignedVarint())");
        Open();
        foreach (FieldModel field in tagged)
        {
            string when = field.Tagged.Covers(model.Versions) ? "" : $" when {Condition(field.Tagged)}";
            Line($"case {field.Tag}{when}:");
            Open();
            Line("int end = reader.BeginTaggedField();");
            EmitReadValue(field);
            Line("reader.EndTaggedField(end);");
            Line("break;");
            Close();
        }
        Line("default: reader.SkipTaggedField(); break;");
        Close();
        Close();
        Close();
    }

    private void EmitSetDefault(FieldModel field)
    {
        if (field.IsList && field.Default == "empty")
        {
            Line($"({field.Name} ??= new()).Clear();");
        }
        else if (field.Kind == WireKind.Struct && !field.CanBeNull)
        {
            Line($"{field.Name} = new();");
        }
        else
        {
            Line($"{field.Name} = {(field.Default == "null" ? "null" : field.Default)};");
        }
    }

    private void EmitReadValue(FieldModel field)
    {
        if (field.IsList)
        {
            EmitReadList(field);
        }
        else if (field.Kind == WireKind.Struct)
        {
            bool marker = field.CanBeNull && field.Tag < 0;
            if (marker)
            {
                Line("if (reader.ReadInt8() < 0)");
                Open();
                Line($"{field.Name} = null;");
                Close();
                Line("else");
                Open();
            }
            Line($"({field.Name} ??= new()).ReadFields(ref reader, version, flexible);");
            if (marker)
            {
                Close();
            }
        }
        else
        {
            Line($"{field.Name} = {ReadExpression(field, NullableHere(field))};");
        }
    }

    private void EmitReadList(FieldModel field)
    {
        string list = $"list{_serial}";
        string count = $"count{_serial++}";
        Line($"int {count} = reader.ReadArrayLength(flexible, {field.ElementBytesMin});");
        Line($"if ({count} < 0)");
        Open();
        string? nullable = NullableHere(field);
        if (nullable == "true")
        {
            Line($"{field.Name} = null;");
        }
        else
        {
            if (nullable is not null)
            {
                Line($"if (!({nullable}))");
                Open();
            }
            Line($"throw new {Wire}MalformedRequestException(\"{model.Name}.{field.Name} is null where null is not allowed\");");
            if (nullable is not null)
            {
                Close();
                Line($"{field.Name} = null;");
            }
        }
        Close();
        Line("else");
        Open();
        Line($"var {list} = {field.Name} ??= new();");
        Line($"{list}.Clear();");
        Line($"for (int n = 0; n < {count}; n++)");
        Open();
        if (field.Kind == WireKind.Struct)
        {
            Line($"if (!{list}.TryReuse(out var item))");
            Open();
            Line("item = new();");
            Line($"{list}.Add(item);");
            Close();
            Line("item.ReadFields(ref reader, version, flexible);");
        }
        else
        {
            Line($"{list}.Add({ReadExpression(field, null)});");
        }
        Close();
        Close();
    }

    private string ReadExpression(FieldModel field, string? nullable)
    {
        string what = $"\"{model.Name}.{field.Name}\"";
        string read = field.Kind switch
        {
            WireKind.String => OrNull("String", what, nullable),
            WireKind.Utf8 => OrNull("Utf8", what, nullable),
            WireKind.Bytes => OrNull("Bytes", what, nullable),
            WireKind.Records => "reader.ReadRecords(flexible)",
            _ => $"reader.Read{field.Kind}()",
        };
        return field.IsEnum ? $"({field.TypeName}){read}" : read;
    }

    private static string OrNull(string kind, string what, string? nullable) => nullable switch
    {
        null => $"reader.Read{kind}(flexible, {what})",
        "true" => $"reader.ReadNullable{kind}(flexible)",
        _ => $"{nullable} ? reader.ReadNullable{kind}(flexible) : reader.Read{kind}(flexible, {what})",
    };
}
