using System.Net;
using Broker.Engine.Transport.Buffers;
using Broker.Protocol.Wire;

namespace Broker.Engine.Transport;

/// <summary>What the handler wants after a frame.</summary>
internal enum FrameVerdict
{
    /// <summary>The next frame.</summary>
    Next,

    /// <summary>No frame until <see cref="TransportConnection.Resume"/>; the peer is held back by not reading.</summary>
    Pause,

    /// <summary>The end: what was written is sent, then the connection is closed.</summary>
    Close,
}

/// <summary>
/// The far side of a connection: gets frames, one at a time, on the connection's thread, in a buffer that stays valid for
/// the call (take a reference to keep it), and writes its answers to <see cref="TransportConnection.Output"/>.
/// </summary>
internal interface IConnectionHandler
{
    FrameVerdict OnFrame(ReceiveBuffer buffer, int offset, int length);

    /// <summary>The socket has taken everything that was written to <see cref="TransportConnection.Output"/>.</summary>
    void OnSent();

    /// <summary>The peer has closed its sending side while frames were paused: whatever is parked for it may go.</summary>
    void OnPeerClosing();

    /// <summary>The connection is closed; called once.</summary>
    void OnClosed(string reason);

    /// <summary>Whether nothing of the connection is under way, so that another thread may take it over.</summary>
    bool IsIdle { get; }
}

/// <summary>
/// A connection as the layers above a transport see it. Members are for the connection's thread, except
/// <see cref="Post"/> and <see cref="RequestClose"/>.
/// </summary>
internal abstract class TransportConnection
{
    protected TransportConnection(string listener, IPEndPoint local, IPEndPoint remote)
    {
        Listener = listener;
        Local = local;
        Remote = remote;
    }

    /// <summary>Name of the listener that accepted it.</summary>
    public string Listener { get; }

    public IPEndPoint Local { get; }

    public IPEndPoint Remote { get; }

    /// <summary>Index of the network thread (Kafka: processor) that serves it.</summary>
    public abstract int NetworkThread { get; }

    /// <summary>Where answers are written during a callback; sent when the callback returns.</summary>
    public abstract KafkaWriter Output { get; }

    /// <summary>Whether the caller is on the connection's thread. Thread-safe.</summary>
    public abstract bool IsCurrentThread { get; }

    /// <summary>Runs <paramref name="work"/> on the connection's thread. Thread-safe.</summary>
    public abstract void Post(ConnectionWork work);

    /// <summary>Sends what posted work wrote to <see cref="Output"/>; after a frame it happens by itself.</summary>
    public abstract void Flush();

    /// <summary>Sends what was written, and delivers frames again after <see cref="FrameVerdict.Pause"/>.</summary>
    public abstract void Resume();

    /// <summary>Closes the connection unless something has come that was not delivered, or is still to be sent.</summary>
    public abstract void CloseIfQuiet(string reason);

    /// <summary>Closes the connection soon. Thread-safe.</summary>
    public abstract void RequestClose(string reason);
}

/// <summary>Makes the handler of a new connection; null refuses it.</summary>
internal delegate IConnectionHandler? ConnectionFactory(TransportConnection connection);
