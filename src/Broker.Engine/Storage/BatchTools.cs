using Broker.Protocol.Records;

namespace Broker.Engine.Storage;

/// <summary>What a thread needs to look into batches: the states of the codecs, and buffers to rebuild a batch in. They are
/// made when a thread first needs them and kept. Belongs to one thread.</summary>
internal sealed class BatchTools
{
    [ThreadStatic]
    private static BatchTools? t_current;

    private RecordBatchBuilder? _builder;
    private PooledBuffer? _rebuilt;

    public static BatchTools Current => t_current ??= new BatchTools();

    public RecordCodecs Codecs { get; } = new();

    public RecordBatchBuilder Builder => _builder ??= new RecordBatchBuilder(Codecs);

    /// <summary>Where a rebuilt batch lies until it is written.</summary>
    public PooledBuffer Rebuilt => _rebuilt ??= new PooledBuffer();
}
