namespace Broker.Engine.Tests.Storage;

/// <summary>
/// What was done to the names in each directory since it was synced. A journal keeps the order, so a power failure leaves a first
/// part of it done, in each directory for itself; that a file was synced says nothing of its name. Not thread-safe.
/// </summary>
internal sealed class FaultingDiskNames
{
    private readonly Dictionary<string, List<Change>> _unsynced = new(StringComparer.Ordinal);

    private enum Kind
    {
        Files,
        MakeDirectory,
        RenameDirectory,
        DeleteDirectory,
    }

    /// <summary>A file's path, and what it held before the change; null where there was none.</summary>
    public readonly record struct Before(string Name, FaultingDiskContent? Content);

    /// <param name="Kind">What was done.</param>
    /// <param name="Name">Of a directory, as it was called before.</param>
    /// <param name="NewName">Of a directory, as it was called then.</param>
    /// <param name="Files">By their names without the path.</param>
    private sealed record Change(Kind Kind, string Name, string NewName, Before[] Files);

    /// <summary>Files of one directory are made, replaced, renamed or deleted.</summary>
    public void Changes(params ReadOnlySpan<Before> paths)
    {
        Before[] files = [.. paths];
        string directory = Path.GetDirectoryName(files[0].Name)!;
        for (int i = 0; i < files.Length; i++)
        {
            files[i] = files[i] with { Name = Path.GetFileName(files[i].Name) };
        }
        Add(directory, new Change(Kind.Files, "", "", files));
    }

    public void Makes(string directory) => AddTo(directory, new Change(Kind.MakeDirectory, directory, directory, []));

    public void Renames(string from, string to)
    {
        if (_unsynced.Remove(from, out List<Change>? changes))
        {
            _unsynced[to] = changes;
        }
        AddTo(to, new Change(Kind.RenameDirectory, from, to, []));
    }

    public void Deletes(string directory, IEnumerable<Before> files)
    {
        _unsynced.Remove(directory);
        AddTo(directory, new Change(Kind.DeleteDirectory, directory, directory, [.. files]));
    }

    private void AddTo(string directory, Change change) => Add(Path.GetDirectoryName(directory) ?? "/", change);

    private void Add(string directory, Change change)
    {
        if (!_unsynced.TryGetValue(directory, out List<Change>? changes))
        {
            _unsynced[directory] = changes = [];
        }
        changes.Add(change);
    }

    public FaultingDiskNames Copy(Func<FaultingDiskContent, FaultingDiskContent> copyOf)
    {
        var copy = new FaultingDiskNames();
        foreach ((string directory, List<Change> changes) in _unsynced)
        {
            copy._unsynced[directory] =
            [
                .. changes.Select(c => c with
                {
                    Files = [.. c.Files.Select(f => f with { Content = f.Content is { } content ? copyOf(content) : null })],
                }),
            ];
        }
        return copy;
    }

    public void Sync(string directory) => _unsynced.Remove(directory);

    /// <summary>Undoes some of the last changes of each directory.</summary>
    public void LosePower(Random random, Dictionary<string, FaultingDiskContent> files, HashSet<string> directories)
    {
        // What is in a directory first, while it has the name that it has.
        foreach ((string directory, List<Change> changes) in
            _unsynced.OrderByDescending(u => u.Key.Count(c => c == '/')).ThenBy(u => u.Key, StringComparer.Ordinal))
        {
            int left = random.Next(4) switch
            {
                0 => 0,
                1 => random.Next(changes.Count + 1),
                _ => changes.Count,
            };
            for (int i = changes.Count - 1; i >= left; i--)
            {
                Undo(random, directory, changes[i], files, directories);
            }
        }
    }

    private static void Undo(
        Random random, string directory, Change change, Dictionary<string, FaultingDiskContent> files, HashSet<string> directories)
    {
        switch (change.Kind)
        {
            case Kind.Files:
                Restore(directory, change.Files, files);
                break;
            case Kind.MakeDirectory:
                directories.Remove(change.Name);
                FilesOf(change.Name, files).ForEach(f => files.Remove(f));
                break;
            case Kind.RenameDirectory:
                directories.Remove(change.NewName);
                directories.Add(change.Name);
                foreach (string path in FilesOf(change.NewName, files))
                {
                    files.Remove(path, out FaultingDiskContent? content);
                    files[Path.Combine(change.Name, Path.GetFileName(path))] = content!;
                }
                break;
            default:
                directories.Add(change.Name);
                Restore(change.Name, change.Files.AsSpan(random.Next(change.Files.Length + 1)), files);
                break;
        }
    }

    private static List<string> FilesOf(string directory, Dictionary<string, FaultingDiskContent> files) =>
        [.. files.Keys.Where(p => Path.GetDirectoryName(p) == directory)];

    private static void Restore(string directory, ReadOnlySpan<Before> before, Dictionary<string, FaultingDiskContent> files)
    {
        foreach ((string name, FaultingDiskContent? content) in before)
        {
            string path = Path.Combine(directory, name);
            if (content is null)
            {
                files.Remove(path);
            }
            else
            {
                files[path] = content;
            }
        }
    }
}
