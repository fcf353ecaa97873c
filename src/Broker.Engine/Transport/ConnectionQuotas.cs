using System.Diagnostics;
using System.Net;

namespace Broker.Engine.Transport;

/// <summary>Counts connections of a broker in all, by address and by second, against max.connections, max.connections.per.ip
/// with its overrides and max.connection.creation.rate, all of which may change meanwhile. After Kafka's ConnectionQuotas.
/// Thread-safe.</summary>
internal sealed class ConnectionQuotas
{
    private const int SecondMs = 1_000;

    private readonly object _gate = new();
    private readonly Dictionary<IPAddress, int> _byAddress = [];
    private int _total;
    private int _max;
    private int _perIp;
    private IReadOnlyDictionary<IPAddress, int> _perIpOverrides;
    private int _rateMax;
    private long _secondBegan;
    private int _inSecond;

    public ConnectionQuotas(TransportOptions options)
    {
        _max = options.ConnectionsMax;
        _perIp = options.ConnectionsPerIpMax;
        _perIpOverrides = options.ConnectionsPerIpOverrides;
        _rateMax = options.ConnectionRateMax;
    }

    /// <summary>Sets other limits. Connections that are there stay, whatever they come to.</summary>
    public void Update(int max, int perIp, IReadOnlyDictionary<IPAddress, int> perIpOverrides, int rateMax)
    {
        lock (_gate)
        {
            (_max, _perIp, _perIpOverrides, _rateMax) = (max, perIp, perIpOverrides, rateMax);
            Monitor.PulseAll(_gate);
        }
    }

    public int MaxOf(IPAddress address)
    {
        lock (_gate)
        {
            return _perIpOverrides.TryGetValue(address, out int max) ? max : _perIp;
        }
    }

    /// <summary>Waits until another connection may be accepted; false when <paramref name="stopping"/> says so.</summary>
    public bool WaitForRoom(Func<bool> stopping)
    {
        lock (_gate)
        {
            while (!stopping())
            {
                int restMs = _total >= _max ? Timeout.Infinite : RestOfSecondMs();
                if (restMs == 0)
                {
                    return true;
                }
                Monitor.Wait(_gate, restMs);
            }
            return false;
        }
    }

    /// <summary>How long to wait for the next second, when this one has had its connections.</summary>
    private int RestOfSecondMs()
    {
        long elapsed = (long)Stopwatch.GetElapsedTime(_secondBegan).TotalMilliseconds;
        if (_secondBegan == 0 || elapsed >= SecondMs)
        {
            _secondBegan = Stopwatch.GetTimestamp();
            _inSecond = 0;
        }
        return _inSecond < _rateMax ? 0 : _rateMax == 0 ? Timeout.Infinite : Math.Max(1, SecondMs - (int)elapsed);
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
            _inSecond++;
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
