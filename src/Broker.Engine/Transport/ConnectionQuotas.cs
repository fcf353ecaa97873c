using System.Net;

namespace Broker.Engine.Transport;

/// <summary>Counts connections of a broker in all and by address, against max.connections and max.connections.per.ip with
/// its overrides. After Kafka's ConnectionQuotas. Thread-safe.</summary>
internal sealed class ConnectionQuotas(TransportOptions options)
{
    private readonly object _gate = new();
    private readonly Dictionary<IPAddress, int> _byAddress = [];
    private int _total;

    public int MaxOf(IPAddress address) =>
        options.ConnectionsPerIpOverrides.TryGetValue(address, out int max) ? max : options.ConnectionsPerIpMax;

    /// <summary>Waits until another connection may be accepted; false when <paramref name="stopping"/> says so.</summary>
    public bool WaitForRoom(Func<bool> stopping)
    {
        lock (_gate)
        {
            while (_total >= options.ConnectionsMax && !stopping())
            {
                Monitor.Wait(_gate);
            }
            return !stopping();
        }
    }

    public void Wake()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    public bool TryEnter(IPAddress address)
    {
        lock (_gate)
        {
            int count = _byAddress.GetValueOrDefault(address);
            if (count >= MaxOf(address))
            {
                return false;
            }
            _byAddress[address] = count + 1;
            _total++;
            return true;
        }
    }

    public void Leave(IPAddress address)
    {
        lock (_gate)
        {
            int count = _byAddress[address] - 1;
            if (count == 0)
            {
                _byAddress.Remove(address);
            }
            else
            {
                _byAddress[address] = count;
            }
            _total--;
            Monitor.PulseAll(_gate);
        }
    }
}
