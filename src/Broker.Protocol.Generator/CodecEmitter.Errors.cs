namespace Broker.Protocol.Generator;

/// <summary>The error codes of a message, for counting.</summary>
internal sealed partial class CodecEmitter
{
    private void EmitCountErrors()
    {
        Line("/// <inheritdoc/>");
        Line($"public void CountErrors({Messages}IErrorCounter counter, short version)");
        Open();
        foreach (FieldModel field in model.Fields.Where(f => f.Kind == WireKind.Struct || IsErrorCode(f)))
        {
            bool always = field.Versions.Covers(model.Versions);
            if (!always)
            {
                Line($"if ({Condition(field.Versions)})");
                Open();
            }
            EmitCountErrors(field);
            if (!always)
            {
                Close();
            }
        }
        Close();
    }

    private void EmitCountErrors(FieldModel field)
    {
        if (!field.IsList)
        {
            Line(IsErrorCode(field) ? $"counter.Add({field.Name});" : $"{field.Name}{(field.CanBeNull ? "?" : "")}.CountErrors(counter, version);");
            return;
        }
        string count = field.CanBeNull ? $"({field.Name}?.Count ?? 0)" : $"{field.Name}.Count";
        Line($"for (int n = 0; n < {count}; n++)");
        Open();
        string item = $"{field.Name}{(field.CanBeNull ? "!" : "")}[n]";
        Line(IsErrorCode(field) ? $"counter.Add({item});" : $"{item}.CountErrors(counter, version);");
        Close();
    }

    private static bool IsErrorCode(FieldModel field) =>
        field.IsEnum && field.TypeName.EndsWith(".ErrorCode", System.StringComparison.Ordinal);
}
