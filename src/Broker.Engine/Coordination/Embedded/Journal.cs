using Broker.Engine.Storage.Files;
using Broker.Protocol.Wire;

namespace Broker.Engine.Coordination.Embedded;

/// <summary>
/// The tree's two files: <c>snapshot</c>, replaced whole, and <c>journal</c>, the transactions since. A transaction is on the
/// disk for good before it is answered; a torn tail is cut at the next opening. Not thread-safe.
/// </summary>
internal sealed class Journal : IDisposable
{
    /// <summary>The journal is folded into a snapshot beyond this, bytes.</summary>
    private const int FoldBytes = 4 * 1024 * 1024;

    private readonly Disk _disk;
    private readonly string _snapshotPath;
    private readonly IDisposable _lock;
    private readonly DiskFile _file;
    private readonly KafkaWriter _writer = new(4096);
    private long _length;
    private long _snapshotBytes;
    private int _epoch;
    private bool _failed;

    private Journal(Disk disk, string directory, IDisposable @lock)
    {
        _disk = disk;
        _lock = @lock;
        _snapshotPath = Path.Combine(directory, "snapshot");
        _file = disk.Open(Path.Combine(directory, "journal"));
    }

    /// <summary>Opens the files and brings the tree to where they end. Each opening has an epoch of its own, the high half of
    /// its zxids, so that no broker epoch comes twice.</summary>
    /// <exception cref="CoordinationStoreException">The directory is in use, not writable, or damaged.</exception>
    public static Journal Open(Disk disk, string directory, NodeTree tree)
    {
        try
        {
            disk.MakeDirectory(directory);
            IDisposable held = disk.TryLock(Path.Combine(directory, ".lock"))
                ?? throw new CoordinationStoreException($"data directory {directory} is in use by another process (its .lock file is locked)");
            var journal = new Journal(disk, directory, held);
            try
            {
                journal.Load(tree);
                return journal;
            }
            catch
            {
                journal.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CoordinationStoreException($"data directory {directory} cannot be written: {e.Message}", e);
        }
    }

    private void Load(NodeTree tree)
    {
        if (_disk.ReadAll(_snapshotPath) is { } snapshot)
        {
            _epoch = JournalFormat.ReadSnapshot(snapshot, tree);
            _snapshotBytes = snapshot.Length;
        }
        byte[] bytes = new byte[_file.Length];
        int read = _file.Read(bytes, 0);
        _length = JournalFormat.ReadJournal(new ArraySegment<byte>(bytes, 0, read), tree.Zxid, transaction =>
        {
            if (transaction.Zxid > tree.Zxid)
            {
                transaction.Changes.ForEach(c => tree.Apply(c, transaction.Zxid, transaction.TimeMs));
                tree.Advance(transaction.Zxid);
            }
        });
        _epoch = Math.Max(_epoch, (int)(tree.Zxid >> 32)) + 1;
        tree.Advance((long)_epoch << 32);
        Fold(tree);
    }

    /// <summary>Makes a transaction durable.</summary>
    /// <exception cref="IOException">The disk failed; nothing after it is accepted, because what it holds is not known.</exception>
    public void Append(Transaction transaction, NodeTree tree)
    {
        if (_failed)
        {
            throw new IOException("the cluster's journal failed before");
        }
        _writer.Reset();
        JournalFormat.WriteTransaction(_writer, transaction);
        try
        {
            if (_length > FoldBytes && _length > 2 * _snapshotBytes)
            {
                Fold(tree);
            }
            _file.Write(_writer.WrittenSpan, _length);
            _file.Flush();
        }
        catch (IOException)
        {
            _failed = true;
            throw;
        }
        _length += _writer.Position;
    }

    private void Fold(NodeTree tree)
    {
        var writer = new KafkaWriter(64 * 1024);
        JournalFormat.WriteSnapshot(writer, tree, _epoch);
        _disk.Replace(_snapshotPath, writer.WrittenSpan, sync: true);
        _snapshotBytes = writer.Position;
        _file.SetLength(0);
        _file.Flush();
        _length = 0;
    }

    public void Dispose()
    {
        _file.Dispose();
        _lock.Dispose();
    }
}
