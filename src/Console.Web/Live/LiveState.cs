namespace WebConsole.Live;

/// <summary>
/// Whether what is on the screen follows the cluster. One per circuit: the operator pauses all pages at once, and a hidden
/// tab or a lost connection stops the updates by itself. Used on the circuit's dispatcher only.
/// </summary>
public sealed class LiveState
{
    private bool _isVisible = true;
    private bool _isConnected = true;

    /// <summary>Raised on the circuit's dispatcher after any change.</summary>
    public event Action? Changed;

    /// <summary>Whether the operator has asked for stillness.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Whether updates reach the screen.</summary>
    public bool IsFlowing => !IsPaused && _isVisible && _isConnected;

    public void Toggle()
    {
        IsPaused = !IsPaused;
        Changed?.Invoke();
    }

    public void SetVisible(bool isVisible)
    {
        if (_isVisible != isVisible)
        {
            _isVisible = isVisible;
            Changed?.Invoke();
        }
    }

    public void SetConnected(bool isConnected)
    {
        if (_isConnected != isConnected)
        {
            _isConnected = isConnected;
            Changed?.Invoke();
        }
    }
}
