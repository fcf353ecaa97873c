using System.Security.Cryptography;
using System.Text;
using Broker.Engine.Coordination.Jute;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>SASL DIGEST-MD5 (RFC 2831) as ZooKeeper's servers speak it: two rounds inside sasl packets, for the principal
/// zookeeper/zk-sasl-md5. Stateless.</summary>
internal static class SaslDigest
{
    private const string Uri = "zookeeper/zk-sasl-md5";
    private const string Count = "00000001";
    private const string Qop = "auth";

    /// <exception cref="KeeperLinkException">The server does not take it, or is not who it should be.</exception>
    public static async Task AuthenticateAsync(
        KeeperLink link, string user, string password, Random random, CancellationToken cancellationToken)
    {
        string challenge = await ExchangeAsync(link, "", cancellationToken).ConfigureAwait(false);
        Dictionary<string, string> asked = Parse(challenge);
        byte[] noise = new byte[16];
        random.NextBytes(noise);
        string clientNonce = Convert.ToHexString(noise);
        string realm = asked.GetValueOrDefault("realm", "");
        string nonce = asked.GetValueOrDefault("nonce")
            ?? throw new KeeperLinkException("its SASL challenge has no nonce: is it set up for DIGEST-MD5?");
        byte[] secret = Secret(user, realm, password, nonce, clientNonce);
        string answer = $"charset=utf-8,username=\"{Quote(user)}\",realm=\"{Quote(realm)}\",nonce=\"{nonce}\",nc={Count},"
            + $"cnonce=\"{clientNonce}\",digest-uri=\"{Uri}\",maxbuf=65536,response={Respond(secret, nonce, clientNonce, "AUTHENTICATE:")},qop={Qop}";
        Dictionary<string, string> proof = Parse(await ExchangeAsync(link, answer, cancellationToken).ConfigureAwait(false));
        if (proof.GetValueOrDefault("rspauth") != Respond(secret, nonce, clientNonce, ":"))
        {
            throw new KeeperLinkException("it does not know the password itself");
        }
    }

    private static async Task<string> ExchangeAsync(KeeperLink link, string token, CancellationToken cancellationToken)
    {
        var writer = new JuteWriter();
        int frame = writer.BeginFrame();
        writer.WriteInt32(0);
        writer.WriteInt32((int)OpCode.Sasl);
        writer.WriteBytes(Encoding.UTF8.GetBytes(token));
        writer.EndFrame(frame);
        await link.Stream.WriteAsync(writer.Written, cancellationToken).ConfigureAwait(false);
        ReadOnlyMemory<byte> packet = await link.Packets.ReadAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new KeeperLinkException("it does not accept the name and password");
        return ReadToken(packet.Span);
    }

    private static string ReadToken(ReadOnlySpan<byte> packet)
    {
        var reader = new JuteReader(packet);
        _ = reader.ReadInt32();
        _ = reader.ReadInt64();
        if (reader.ReadInt32() is not 0 and int code)
        {
            throw new KeeperLinkException($"it does not accept the name and password ({(KeeperCode)code})");
        }
        return reader.ReadString("SASL token");
    }

    /// <summary>What both sides know (RFC 2831, A1).</summary>
    internal static byte[] Secret(string user, string realm, string password, string nonce, string clientNonce) =>
        Md5([.. Md5(Encoding.UTF8.GetBytes($"{user}:{realm}:{password}")), .. Encoding.UTF8.GetBytes($":{nonce}:{clientNonce}")]);

    /// <param name="secret">A1.</param>
    /// <param name="nonce">The server's.</param>
    /// <param name="clientNonce">The client's.</param>
    /// <param name="verb">What A2 begins with: the client's differs from the server's.</param>
    internal static string Respond(byte[] secret, string nonce, string clientNonce, string verb) => Hex(Md5(Encoding.UTF8.GetBytes(
        $"{Hex(secret)}:{nonce}:{Count}:{clientNonce}:{Qop}:{Hex(Md5(Encoding.UTF8.GetBytes(verb + Uri)))}")));

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);

#pragma warning disable CA5351 // the mechanism's own hash; TLS is what protects
    private static byte[] Md5(byte[] bytes) => MD5.HashData(bytes);
#pragma warning restore CA5351

    private static string Quote(string text) => text.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    /// <summary>Reads <c>name=value,name="value"</c>.</summary>
    internal static Dictionary<string, string> Parse(string text)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        int at = 0;
        while (at < text.Length && text.IndexOf('=', at) is >= 0 and int equals)
        {
            string name = text[at..equals].Trim(' ', ',');
            var value = new StringBuilder();
            at = equals + 1;
            if (at < text.Length && text[at] == '"')
            {
                for (at++; at < text.Length && text[at] != '"'; at++)
                {
                    at += text[at] == '\\' && at + 1 < text.Length ? 1 : 0;
                    value.Append(text[at]);
                }
                at++;
            }
            else
            {
                for (; at < text.Length && text[at] != ','; at++)
                {
                    value.Append(text[at]);
                }
            }
            values[name] = value.ToString();
            at++;
        }
        return values;
    }
}
