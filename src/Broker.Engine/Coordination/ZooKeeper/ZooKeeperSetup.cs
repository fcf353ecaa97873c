using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Broker.Engine.Configuration;

namespace Broker.Engine.Coordination.ZooKeeper;

/// <summary>From a broker's configuration to how its ensemble is reached. Stateless.</summary>
internal static class ZooKeeperSetup
{
    private const string DigestModule = "org.apache.zookeeper.server.auth.DigestLoginModule";

    /// <returns>Null where no ensemble is configured.</returns>
    /// <exception cref="ConfigException">Something given cannot stand.</exception>
    public static ZooKeeperOptions? Read(BrokerConfig config)
    {
        if (config.Text("zookeeper.connect") is not { } connect || connect.Trim().Length == 0)
        {
            return null;
        }
        if (ConnectString.Parse(connect.Trim(), out string? problem) is not { } parsed)
        {
            throw Wrong($"zookeeper.connect: {problem}");
        }
        if (config.Int("zookeeper.server.port") >= 0)
        {
            throw Wrong("zookeeper.server.port: the host serves its own tree only, and zookeeper.connect keeps the cluster's state elsewhere");
        }
        (string, string)? digest = config.Text("zookeeper.sasl.client.jaas.config") is { Length: > 0 } jaas ? Credentials(jaas) : null;
        bool hasTls = config.Bool("zookeeper.ssl.client.enable");
        bool setAcl = config.Bool("zookeeper.set.acl");
        if (setAcl && digest is null && !(hasTls && config.Text("zookeeper.ssl.keystore.location") is { Length: > 0 }))
        {
            throw Wrong("zookeeper.set.acl is true, but neither zookeeper.sasl.client.jaas.config nor a TLS key says who this broker is");
        }
        return new ZooKeeperOptions
        {
            Servers = parsed.Servers,
            Chroot = parsed.Chroot,
            ConnectionTimeout = TimeSpan.FromMilliseconds(config.Int("zookeeper.connection.timeout.ms")),
            MaxInFlight = config.Int("zookeeper.max.in.flight.requests"),
            SetAcl = setAcl,
            Digest = digest,
            Tls = hasTls ? Tls(config) : null,
        };
    }

    /// <summary>Name and password of a JAAS line for ZooKeeper's digest module.</summary>
    private static (string User, string Password) Credentials(string jaas)
    {
        int options = jaas.IndexOf(" required ", StringComparison.Ordinal);
        if (!jaas.TrimStart().StartsWith(DigestModule, StringComparison.Ordinal) || options < 0)
        {
            throw Wrong($"zookeeper.sasl.client.jaas.config: only {DigestModule} required username=\"...\" password=\"...\"; is supported");
        }
        string text = jaas[(options + " required ".Length)..].Trim().TrimEnd(';');
        Dictionary<string, string> values = SaslDigest.Parse(text.Replace("\" ", "\",", StringComparison.Ordinal));
        return values.TryGetValue("username", out string? user) && values.TryGetValue("password", out string? password)
            ? (user, password) : throw Wrong("zookeeper.sasl.client.jaas.config: username and password are needed");
    }

    private static Func<ServerAddress, SslClientAuthenticationOptions> Tls(BrokerConfig config)
    {
        X509Certificate2Collection? own = Load(config, "keystore");
        X509Certificate2Collection? trusted = Load(config, "truststore");
        SslStreamCertificateContext? identity = null;
        if (own is not null)
        {
            X509Certificate2 leaf = own.FirstOrDefault(c => c.HasPrivateKey)
                ?? throw Wrong("zookeeper.ssl.keystore.location: the file has no private key");
            identity = SslStreamCertificateContext.Create(leaf, own, offline: true);
        }
        string checkedName = config.Text("zookeeper.ssl.endpoint.identification.algorithm") ?? "";
        bool checksName = checkedName.Equals("HTTPS", StringComparison.OrdinalIgnoreCase);
        IReadOnlyList<string> versions = config.List("zookeeper.ssl.enabled.protocols") is { Count: > 0 } given
            ? given : [config.Text("zookeeper.ssl.protocol")!];
        SslProtocols protocols = versions.Aggregate(SslProtocols.None, (all, v) => all | (v == "TLSv1.3" ? SslProtocols.Tls13 : SslProtocols.Tls12));
        return server =>
        {
            var options = new SslClientAuthenticationOptions
            {
                TargetHost = server.Host,
                EnabledSslProtocols = protocols,
                ClientCertificateContext = identity,
                CertificateChainPolicy = new X509ChainPolicy
                {
                    RevocationMode = config.Bool("zookeeper.ssl.crl.enable") ? X509RevocationMode.Online : X509RevocationMode.NoCheck,
                    TrustMode = trusted is null ? X509ChainTrustMode.System : X509ChainTrustMode.CustomRootTrust,
                },
            };
            if (trusted is not null)
            {
                options.CertificateChainPolicy.CustomTrustStore.AddRange(trusted);
            }
            options.RemoteCertificateValidationCallback = (_, _, _, errors) => errors == SslPolicyErrors.None
                || (!checksName && errors == SslPolicyErrors.RemoteCertificateNameMismatch);
            return options;
        };
    }

    private static X509Certificate2Collection? Load(BrokerConfig config, string which)
    {
        string key = $"zookeeper.ssl.{which}.location";
        if (config.Text(key) is not { Length: > 0 } path)
        {
            return null;
        }
        string? password = config.Text($"zookeeper.ssl.{which}.password");
        string type = config.Text($"zookeeper.ssl.{which}.type") is { Length: > 0 } given ? given.ToUpperInvariant()
            : path.EndsWith(".pem", StringComparison.OrdinalIgnoreCase) ? "PEM"
            : path.EndsWith(".jks", StringComparison.OrdinalIgnoreCase) ? "JKS" : "PKCS12";
        try
        {
            return type switch
            {
                "PKCS12" => X509CertificateLoader.LoadPkcs12CollectionFromFile(path, password),
                "PEM" => LoadPem(path, password, withKey: which == "keystore"),
                _ => throw Wrong($"{key}: {type} is not supported; convert it with keytool -importkeystore -deststoretype PKCS12"),
            };
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Wrong($"{key}: {path} cannot be read as {type}: {e.Message}");
        }
    }

    private static X509Certificate2Collection LoadPem(string path, string? password, bool withKey)
    {
        var all = new X509Certificate2Collection();
        all.ImportFromPemFile(path);
        if (withKey)
        {
            all.Insert(0, string.IsNullOrEmpty(password)
                ? X509Certificate2.CreateFromPemFile(path) : X509Certificate2.CreateFromEncryptedPemFile(path, password));
        }
        return all;
    }

    private static ConfigException Wrong(string message) => new([message]);
}
