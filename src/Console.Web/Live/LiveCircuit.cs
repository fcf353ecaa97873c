using Microsoft.AspNetCore.Components.Server.Circuits;

namespace WebConsole.Live;

/// <summary>Stops updates to a browser that is out of reach and resumes them when it is back. One per circuit.</summary>
internal sealed class LiveCircuit(LiveState live) : CircuitHandler
{
    public override Task OnConnectionUpAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        live.SetConnected(true);
        return Task.CompletedTask;
    }

    public override Task OnConnectionDownAsync(Circuit circuit, CancellationToken cancellationToken)
    {
        live.SetConnected(false);
        return Task.CompletedTask;
    }
}
