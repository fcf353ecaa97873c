namespace Simulation.World;

/// <summary>The near end of a connection, as a stream. Not thread-safe.</summary>
internal sealed class SimStream : Stream
{
    private readonly SimWorld _world;
    private readonly SimConnection _connection;
    private readonly Queue<byte[]> _arrived = new();

    /// <summary>How much of the first that arrived was read.</summary>
    private int _taken;
    private TaskCompletionSource? _waiting;
    private Exception? _failure;
    private bool _ended;

    public SimStream(SimWorld world, SimConnection connection)
    {
        _world = world;
        _connection = connection;
        connection.NearReset = () => Fail(new IOException("Connection reset by peer"));
        connection.Tag = this;
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Bytes have come from the far end.</summary>
    public void Arrive(byte[] bytes)
    {
        _world.Trace.Add(bytes);
        _arrived.Enqueue(bytes);
        Wake();
    }

    /// <summary>The far end has closed.</summary>
    public void End()
    {
        _ended = true;
        Wake();
    }

    private void Fail(Exception failure)
    {
        _failure ??= failure;
        Wake();
    }

    private void Wake()
    {
        TaskCompletionSource? waiting = _waiting;
        _waiting = null;
        waiting?.TrySetResult();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_arrived.Count == 0)
        {
            if (_failure is not null)
            {
                throw new IOException(_failure.Message, _failure);
            }
            if (_ended)
            {
                return 0;
            }
            _waiting = new TaskCompletionSource();
            await _waiting.Task;
        }
        byte[] first = _arrived.Peek();
        int count = Math.Min(first.Length - _taken, buffer.Length);
        first.AsMemory(_taken, count).CopyTo(buffer);
        _taken += count;
        if (_taken == first.Length)
        {
            _taken = 0;
            _arrived.Dequeue();
        }
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_failure is not null || _connection.IsClosed)
        {
            return ValueTask.FromException(new IOException("Broken pipe"));
        }
        byte[] bytes = buffer.ToArray();
        SimSocket far = (SimSocket)_connection.FarTag!;
        _connection.SendToFar(() => far.Arrive(bytes));
        return ValueTask.CompletedTask;
    }

    protected override void Dispose(bool disposing)
    {
        if (_failure is null)
        {
            Fail(new ObjectDisposedException(nameof(SimStream)));
            if (_connection.FarTag is SimSocket far)
            {
                _connection.SendToFar(far.PeerClosed);
            }
        }
        base.Dispose(disposing);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
