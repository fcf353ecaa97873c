using System.Collections.Immutable;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Broker.Protocol.Generator;

/// <summary>Writes the codecs of every declared message, and the catalogue of APIs.</summary>
[Generator(LanguageNames.CSharp)]
public sealed class MessageGenerator : IIncrementalGenerator
{
    private static readonly string[] s_attributes = ["KafkaRequest", "KafkaResponse", "KafkaData", "KafkaStruct"];

    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        IncrementalValueProvider<ImmutableArray<Emitted>> apis = default;
        bool first = true;
        foreach (string name in s_attributes)
        {
            IncrementalValuesProvider<Emitted> emitted = context.SyntaxProvider
                .ForAttributeWithMetadataName(
                    "Broker.Protocol.Messages." + name + "Attribute",
                    static (_, _) => true,
                    static (syntax, token) => Emit(syntax, token))
                .WithTrackingName(name);
            context.RegisterSourceOutput(emitted, static (output, one) => AddSource(output, one));
            if (name is not ("KafkaRequest" or "KafkaResponse"))
            {
                continue;
            }
            IncrementalValueProvider<ImmutableArray<Emitted>> facts = emitted
                .Where(static e => e.Problem.Length == 0)
                .Select(static (e, _) => e with { Source = "", Where = null })
                .Collect();
            apis = first ? facts : apis.Combine(facts).Select(static (both, _) => both.Left.AddRange(both.Right));
            first = false;
        }
        context.RegisterSourceOutput(apis, static (output, all) => CatalogEmitter.Add(output, all));
    }

    private static Emitted Emit(GeneratorAttributeSyntaxContext context, CancellationToken token)
    {
        var type = (INamedTypeSymbol)context.TargetSymbol;
        var reader = new ModelReader(context.SemanticModel.Compilation, token);
        MessageModel? model = reader.Read(type, context.Attributes[0]);
        string full = type.ToDisplayString();
        return model is null
            ? new Emitted(full, "", "", "", -1, full, reader.Problem!.Id, reader.ProblemArgs, LocationInfo.From(reader.Where!))
            : new Emitted(full, new CodecEmitter(model).Emit(), model.Role, model.ApiKey, model.ApiKeyValue, full, "", "", null);
    }

    private static void AddSource(SourceProductionContext output, Emitted emitted)
    {
        if (emitted.Problem.Length == 0)
        {
            output.AddSource(emitted.HintName + ".g.cs", SourceText.From(emitted.Source, Encoding.UTF8));
            return;
        }
        DiagnosticDescriptor descriptor = typeof(Diagnostics).GetFields()
            .Select(f => (DiagnosticDescriptor)f.GetValue(null)!)
            .First(d => d.Id == emitted.Problem);
        output.ReportDiagnostic(Diagnostic.Create(
            descriptor, emitted.Where?.ToLocation(), [.. emitted.ProblemArgs.Split('\u0001').Cast<object>()]));
    }
}
