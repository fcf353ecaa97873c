using Broker.Engine.Admin;
using Microsoft.AspNetCore.Components;

namespace WebConsole.Live;

/// <summary>
/// A component that shows one view of the cluster and follows it. The view is read when parameters change and whenever the
/// feed says so; a refusal (a deleted topic, a stopped broker) becomes <see cref="Refusal"/> and is shown in the view's
/// place. Listening starts with the first interactive render, so that a prerendered page leaves nothing behind. Used on
/// the circuit's dispatcher only.
/// </summary>
public abstract class LiveComponent<TView> : ComponentBase, IDisposable
    where TView : class
{
    private LiveSubscription? _subscription;
    private LiveSubject? _subject;
    private bool _isInteractive;

    [Inject] public required IClusterAdmin Admin { get; init; }

    [Inject] public required LiveState Live { get; init; }

    [Inject] public required TimeProvider Time { get; init; }

    /// <summary>What was read last, or null before the first time and after a refusal.</summary>
    protected TView? View { get; private set; }

    /// <summary>Why there is no view, or null.</summary>
    protected AdminException? Refusal { get; private set; }

    /// <summary>Whether there is nothing to read: the page has not been told what to show.</summary>
    protected bool IsIdle => View is null && Refusal is null;

    public void Dispose()
    {
        _subscription?.Dispose();
        _subscription = null;
        Disposed();
        GC.SuppressFinalize(this);
    }

    /// <summary>What to listen to, or null for nothing.</summary>
    protected abstract LiveSubject? Subject();

    /// <summary>Reads the view. An <see cref="AdminException"/> is shown to the operator; null leaves the page idle.</summary>
    protected abstract TView? Read();

    /// <summary>Called after each successful read, before the render.</summary>
    protected virtual void OnRead(TView view)
    {
    }

    protected virtual void Disposed()
    {
    }

    protected override void OnParametersSet()
    {
        Reload();
        if (_isInteractive)
        {
            Listen();
        }
    }

    protected override void OnAfterRender(bool firstRender)
    {
        if (firstRender && RendererInfo.IsInteractive)
        {
            _isInteractive = true;
            Listen();
        }
    }

    /// <summary>Reads at once, paused or not: what the operator has just done must be seen.</summary>
    protected void Reload()
    {
        try
        {
            TView? view = Read();
            Refusal = null;
            View = view;
            if (view is not null)
            {
                OnRead(view);
            }
        }
        catch (AdminException refusal)
        {
            View = null;
            Refusal = refusal;
        }
    }

    private void Listen()
    {
        LiveSubject? subject = Subject();
        if (subject == _subject)
        {
            return;
        }
        _subscription?.Dispose();
        _subject = subject;
        _subscription = subject is null ? null : new LiveSubscription(Admin, Live, Time, subject, DispatchAsync, Refresh);
    }

    private void Refresh()
    {
        Reload();
        StateHasChanged();
    }

    /// <summary>Failures of a refresh belong to the error boundary above, not to a task that nobody looks at.</summary>
    private async Task DispatchAsync(Action action)
    {
        try
        {
            await InvokeAsync(action);
        }
        catch (ObjectDisposedException) when (_subscription is null)
        {
            // The circuit went away while a call was on its way to it.
        }
#pragma warning disable CA1031 // Whatever it is, the error boundary shows it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            await DispatchExceptionAsync(e);
        }
    }
}
