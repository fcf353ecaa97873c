namespace Broker.Engine.Tests.Storage;

/// <summary>What a file holds, and what is sure to be there of it after a power failure. A sync costs what was written
/// since the last. Not thread-safe.</summary>
internal sealed class FaultingDiskContent
{
    private const int PageBytes = 512;

    private readonly bool _keepsSynced;
    private byte[] _bytes;
    private byte[] _synced = [];
    private int _syncedLength;
    private int _dirtyFrom = int.MaxValue;
    private int _dirtyTo;

    /// <param name="bytes">What it holds, synced.</param>
    /// <param name="keepsSynced">Whether it is kept what was synced.</param>
    public FaultingDiskContent(ReadOnlySpan<byte> bytes, bool keepsSynced)
    {
        _keepsSynced = keepsSynced;
        _bytes = bytes.ToArray();
        Length = bytes.Length;
        Touch(0, Length);
        Sync();
    }

    public FaultingDiskContent Copy()
    {
        var copy = (FaultingDiskContent)MemberwiseClone();
        copy._bytes = ToArray();
        copy._synced = _synced.AsSpan(0, Math.Min(_syncedLength, _synced.Length)).ToArray();
        return copy;
    }

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Length);

    public byte[] ToArray() => Bytes.ToArray();

    public void Write(ReadOnlySpan<byte> bytes, int position)
    {
        if (position + bytes.Length > Length)
        {
            SetLength(position + bytes.Length);
        }
        bytes.CopyTo(_bytes.AsSpan(position));
        Touch(position, position + bytes.Length);
    }

    public void SetLength(int length)
    {
        if (length > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(length, _bytes.Length * 2));
        }
        if (length > Length)
        {
            _bytes.AsSpan(Length, length - Length).Clear();   // a file that grows shows zeros, whatever it once held there
            Touch(Length, length);
        }
        Length = length;
    }

    private void Touch(int from, int to)
    {
        _dirtyFrom = Math.Min(_dirtyFrom, from);
        _dirtyTo = Math.Max(_dirtyTo, to);
    }

    public void Sync()
    {
        if (!_keepsSynced)
        {
            return;
        }
        if (_synced.Length < Length)
        {
            Array.Resize(ref _synced, _bytes.Length);
        }
        int to = Math.Min(_dirtyTo, Length);
        if (_dirtyFrom < to)
        {
            _bytes.AsSpan(_dirtyFrom, to - _dirtyFrom).CopyTo(_synced.AsSpan(_dirtyFrom));
        }
        _syncedLength = Length;
        (_dirtyFrom, _dirtyTo) = (int.MaxValue, 0);
    }

    /// <summary>What may be there: of every page either what was synced or what was written since, and the file as long as
    /// one of both or somewhere between.</summary>
    public FaultingDiskContent AfterPowerLoss(Random random)
    {
        int length = random.Next(4) switch
        {
            0 => _syncedLength,
            1 => Length,
            _ => random.Next(Math.Min(_syncedLength, Length), Math.Max(_syncedLength, Length) + 1),
        };
        byte[] left = new byte[length];
        for (int at = 0; at < length; at += PageBytes)
        {
            int end = Math.Min(at + PageBytes, length);
            bool isNew = random.Next(2) == 0;
            for (int i = at; i < end; i++)
            {
                left[i] = isNew && i < Length ? _bytes[i] : i < _syncedLength ? _synced[i] : (byte)0;
            }
        }
        return new FaultingDiskContent(left, _keepsSynced);
    }
}
