using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Broker.Protocol.Wire;

/// <summary>
/// The list type of messages. <see cref="Clear"/> keeps the elements' objects, and a later read fills them again, so
/// that a message read in a loop allocates nothing once it has seen its largest request. Not thread-safe.
/// </summary>
[SuppressMessage("Naming", "CA1710", Justification = "It is a list, and is called one in every declaration.")]
public sealed class WireList<T> : IReadOnlyList<T>, ICollection<T>
{
    private T[] _items;
    private int _count;

    public WireList() => _items = [];

    public WireList(int capacity) => _items = capacity == 0 ? [] : new T[capacity];

    public WireList(IEnumerable<T> items) : this()
    {
        foreach (T item in items)
        {
            Add(item);
        }
    }

    public int Count => _count;

    bool ICollection<T>.IsReadOnly => false;

    public T this[int index]
    {
        get => (uint)index < (uint)_count ? _items[index] : throw new ArgumentOutOfRangeException(nameof(index));
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)_count, nameof(index));
            _items[index] = value;
        }
    }

    public Span<T> AsSpan() => _items.AsSpan(0, _count);

    public void Add(T item)
    {
        if (_count == _items.Length)
        {
            Grow(_count + 1);
        }
        _items[_count++] = item;
    }

    public void AddRange(IEnumerable<T> items)
    {
        foreach (T item in items)
        {
            Add(item);
        }
    }

    /// <summary>Empties the list and keeps its objects for <see cref="TryReuse"/>.</summary>
    public void Clear() => _count = 0;

    /// <summary>Takes the last element out and keeps its object.</summary>
    public void RemoveLast() => _count--;

    /// <summary>Takes the object that stood at the next place before <see cref="Clear"/> back into the list.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReuse([MaybeNullWhen(false)] out T item)
    {
        if (_count < _items.Length && _items[_count] is { } kept)
        {
            _count++;
            item = kept;
            return true;
        }
        item = default;
        return false;
    }

    public bool Contains(T item) => Array.IndexOf(_items, item, 0, _count) >= 0;

    public void CopyTo(T[] array, int arrayIndex) => Array.Copy(_items, 0, array, arrayIndex, _count);

    public bool Remove(T item)
    {
        int at = Array.IndexOf(_items, item, 0, _count);
        if (at < 0)
        {
            return false;
        }
        Array.Copy(_items, at + 1, _items, at, _count - at - 1);
        _items[--_count] = default!;
        return true;
    }

    public Enumerator GetEnumerator() => new(this);

    IEnumerator<T> IEnumerable<T>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private void Grow(int needed) => Array.Resize(ref _items, Math.Max(needed, Math.Max(4, _items.Length * 2)));

    /// <summary>Enumerates by index; adding while enumerating is seen.</summary>
    public struct Enumerator(WireList<T> list) : IEnumerator<T>
    {
        private int _index = -1;

        public readonly T Current => list._items[_index];
        readonly object? IEnumerator.Current => Current;
        public bool MoveNext() => ++_index < list._count;
        public void Reset() => _index = -1;
        public readonly void Dispose() { }
    }
}
