using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Broker.Engine.Coordination.Server;

/// <summary>
/// Who a connection is by what it has shown, and what access lists let it do: the schemes world, auth, digest and ip as
/// ZooKeeper has them without more being configured (PrepRequestProcessor.fixupACL, DigestAuthenticationProvider,
/// IPAuthenticationProvider). Used by its connection's requests, and under the store's gate.
/// </summary>
internal sealed class ServedIdentity(IPAddress address, string? superDigest)
{
    private const string Digest = "digest";
    private const string Ip = "ip";
    private const string Auth = "auth";

    /// <summary>Names that one connection may have.</summary>
    private const int IdsMax = 64;

    private volatile (string Scheme, string Id)[] _ids = [(Ip, address.ToString())];
    private volatile bool _isSuper;

    /// <summary>What it is by, with the passwords' digests left out.</summary>
    public IEnumerable<(string Scheme, string User)> Users => _ids.Select(i => (i.Scheme, i.Scheme == Digest ? i.Id.Split(':')[0] : i.Id));

    /// <summary>Takes a name and its proof.</summary>
    /// <returns>False where the scheme is not known: the connection ends with it.</returns>
    public bool Authenticate(string scheme, ReadOnlySpan<byte> proof)
    {
        switch (scheme)
        {
            case Ip:
                return true;
            case Digest:
                string id = DigestOf(Encoding.UTF8.GetString(proof));
                _isSuper |= superDigest is not null && id == superDigest;
                if (!_ids.Contains((Digest, id)) && _ids.Length < IdsMax)
                {
                    _ids = [(Digest, id), .. _ids];
                }
                return true;
            default:
                return false;
        }
    }

#pragma warning disable CA5350 // the scheme's own hash
    /// <summary>user:password as it stands in access lists.</summary>
    internal static string DigestOf(string userAndPassword) =>
        $"{userAndPassword.Split(':')[0]}:{Convert.ToBase64String(SHA1.HashData(Encoding.UTF8.GetBytes(userAndPassword)))}";
#pragma warning restore CA5350

    /// <summary>Whether a list lets the connection do something; null lets everybody do everything.</summary>
    public bool Allows(AccessEntry[]? access, int permission)
    {
        if (access is null || _isSuper)
        {
            return true;
        }
        (string Scheme, string Id)[] ids = _ids;
        return Array.Exists(access, a => (a.Permissions & permission) != 0
            && ((a.Scheme == AccessEntry.World && a.Id == AccessEntry.Anyone)
                || Array.Exists(ids, i => i.Scheme == a.Scheme && (a.Scheme == Ip ? IsWithin(i.Id, a.Id) : i.Id == a.Id))));
    }

    /// <summary>The list as it is kept: auth stands for who the connection has shown to be.</summary>
    /// <returns>Null where the node is open to all; an empty list where it is none.</returns>
    public AccessEntry[]? Fix(IReadOnlyList<AccessEntry> asked)
    {
        var access = new List<AccessEntry>();
        foreach (AccessEntry entry in asked.Distinct())
        {
            if (entry.Scheme == Auth)
            {
                (string Scheme, string Id)[] shown = [.. _ids.Where(i => i.Scheme == Digest)];
                if (shown.Length == 0)
                {
                    return [];
                }
                access.AddRange(shown.Select(i => new AccessEntry(entry.Permissions, i.Scheme, i.Id)));
            }
            else if (IsValid(entry))
            {
                access.Add(entry);
            }
            else
            {
                return [];
            }
        }
        return access.Count == 1 && access[0] == AccessEntry.Open[0] ? null : [.. access];
    }

    private static bool IsValid(in AccessEntry entry) => entry.Scheme switch
    {
        AccessEntry.World => entry.Id == AccessEntry.Anyone,
        Digest => entry.Id.Split(':').Length == 2,
        Ip => Parse(entry.Id) is not null,
        _ => false,
    };

    private static (byte[] Address, int Bits)? Parse(string text)
    {
        string[] parts = text.Split('/', 2);
        if (!IPAddress.TryParse(parts[0], out IPAddress? address))
        {
            return null;
        }
        byte[] bytes = address.GetAddressBytes();
        int bits = bytes.Length * 8;
        return parts.Length == 1 ? (bytes, bits)
            : int.TryParse(parts[1], System.Globalization.CultureInfo.InvariantCulture, out int given) && given >= 0 && given <= bits ? (bytes, given)
            : null;
    }

    private static bool IsWithin(string own, string range)
    {
        if (Parse(own) is not var (address, _) || Parse(range) is not var (network, bits) || address.Length != network.Length)
        {
            return false;
        }
        for (int bit = 0; bit < bits; bit++)
        {
            int mask = 0x80 >> (bit % 8);
            if (((address[bit / 8] ^ network[bit / 8]) & mask) != 0)
            {
                return false;
            }
        }
        return true;
    }
}
