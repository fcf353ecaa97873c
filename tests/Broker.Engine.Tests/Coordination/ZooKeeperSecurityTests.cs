using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Broker.Engine.Configuration;
using Broker.Engine.Coordination;
using Broker.Engine.Coordination.ZooKeeper;
using Broker.Engine.Tests.Storage;
using Interop;

namespace Broker.Engine.Tests.Coordination;

/// <summary>TLS and SASL, against a real ZooKeeper, by the keys that an operator sets.</summary>
public sealed class ZooKeeperSecurityTests : IDisposable
{
    private static readonly CancellationToken s_none = CancellationToken.None;
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private static ZooKeeperOptions Options(params (string Key, string Value)[] set) =>
        ZooKeeperSetup.Read(new BrokerConfig(set.ToDictionary(s => s.Key, s => s.Value)))!;

    private static ValueTask<ICoordinationSession> OpenAsync(ZooKeeperOptions options) =>
        Keeper.Store(options).OpenSessionAsync(TimeSpan.FromSeconds(10), s_none);

    [Fact]
    public async Task Digest_MakesNodesThatNobodyElseMayChange()
    {
        string jaas = _directory.At("jaas.conf");
        await File.WriteAllTextAsync(
            jaas, "Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_kafka=\"broker secret\"; };", s_none);
        await using ZooKeeperProcess server = await ZooKeeperProcess.StartAsync(
            properties: "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
            javaOptions: $"-Djava.security.auth.login.config={jaas}");
        const string Module = "org.apache.zookeeper.server.auth.DigestLoginModule required";
        await using ICoordinationSession broker = await OpenAsync(Options(
            ("zookeeper.connect", server.Address), ("zookeeper.set.acl", "true"),
            ("zookeeper.sasl.client.jaas.config", $"{Module} username=\"kafka\" password=\"broker secret\";")));
        Assert.Equal(CoordinationError.None, (await broker.CreateAsync("/a", "1"u8.ToArray(), CreateMode.Persistent, s_none)).Error);
        Assert.Equal(CoordinationError.None, (await broker.SetAsync("/a", "2"u8.ToArray(), -1, s_none)).Error);
        await broker.EnsurePathAsync("/config/users", s_none);
        await using ICoordinationSession other = await OpenAsync(Options(("zookeeper.connect", server.Address)));
        Assert.Equal(CoordinationError.None, (await other.GetAsync("/a", s_none)).Error);
        Assert.Equal(CoordinationError.NoAuth, (await other.SetAsync("/a", "3"u8.ToArray(), -1, s_none)).Error);
        Assert.Equal(CoordinationError.NoAuth, (await other.GetAsync("/config/users", s_none)).Error);
        CoordinationException refused = await Assert.ThrowsAsync<CoordinationException>(async () => await OpenAsync(Options(
            ("zookeeper.connect", server.Address), ("zookeeper.connection.timeout.ms", "2000"),
            ("zookeeper.sasl.client.jaas.config", $"{Module} username=\"kafka\" password=\"wrong\";"))));
        Assert.Contains("does not accept the name and password", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_WithAKeyOfItsOwn_AndRefusesAServerThatItDoesNotTrust()
    {
        WriteKeys();
        int secure = FreePorts.InARow(1);
        await using ZooKeeperProcess server = await ZooKeeperProcess.StartAsync(properties: $"""
            secureClientPort={secure}
            serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
            ssl.keyStore.location={_directory.At("server.pem")}
            ssl.keyStore.type=PEM
            ssl.trustStore.location={_directory.At("ca.pem")}
            ssl.trustStore.type=PEM
            ssl.clientAuth=need
            """);
        (string, string)[] tls =
        [
            ("zookeeper.connect", $"127.0.0.1:{secure}"), ("zookeeper.ssl.client.enable", "true"),
        ];
        foreach (string keys in (string[])["client.p12", "client.pem"])
        {
            await using ICoordinationSession session = await OpenAsync(Options(
            [
                .. tls, ("zookeeper.connection.timeout.ms", "30000"), ("zookeeper.ssl.truststore.location", _directory.At("ca.pem")),
                ("zookeeper.ssl.keystore.location", _directory.At(keys)), ("zookeeper.ssl.keystore.password", keys == "client.p12" ? "changeit" : ""),
            ]));
            Assert.Equal(CoordinationError.NoNode, (await session.ExistsAsync("/x", s_none)).Error);
        }
        CoordinationException untrusted = await Assert.ThrowsAsync<CoordinationException>(async () => await OpenAsync(Options(
            [.. tls, ("zookeeper.connection.timeout.ms", "8000"), ("zookeeper.ssl.keystore.location", _directory.At("client.pem"))])));
        Assert.Contains("certificate", untrusted.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("zookeeper.connect", "host:x", "'host:x' is not host:port")]
    [InlineData("zookeeper.set.acl", "true", "says who this broker is")]
    [InlineData("zookeeper.sasl.client.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required;", "only org.apache.zookeeper")]
    [InlineData("zookeeper.server.port", "2181", "the host serves its own tree only")]
    public void Settings_ThatCannotStand_AreRefusedWithTheReason(string key, string value, string reason)
    {
        var set = new Dictionary<string, string> { ["zookeeper.connect"] = "host:2181", [key] = value };
        Assert.Contains(reason, Assert.Throws<ConfigException>(() => ZooKeeperSetup.Read(new BrokerConfig(set))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void KeyStore_OfJava_IsRefusedWithTheWayOut()
    {
        ConfigException e = Assert.Throws<ConfigException>(() => Options(
            ("zookeeper.connect", "a"), ("zookeeper.ssl.client.enable", "true"), ("zookeeper.ssl.truststore.location", "trust.jks")));
        Assert.Contains("-deststoretype PKCS12", e.Message, StringComparison.Ordinal);
    }

    private void WriteKeys()
    {
        using var authorityKey = RSA.Create(2048);
        var request = new CertificateRequest("CN=test authority", authorityKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        DateTimeOffset from = DateTimeOffset.UnixEpoch.AddYears(50);
        using X509Certificate2 authority = request.CreateSelfSigned(from, from.AddYears(40));
        File.WriteAllText(_directory.At("ca.pem"), authority.ExportCertificatePem());
        foreach (string name in (string[])["server", "client"])
        {
            using var key = RSA.Create(2048);
            var leaf = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(IPAddress.Loopback);
            leaf.CertificateExtensions.Add(names.Build());
            using X509Certificate2 certificate = leaf.Create(authority, from, from.AddYears(39), [1, (byte)name.Length, (byte)name[0]]);
            using X509Certificate2 whole = certificate.CopyWithPrivateKey(key);
            File.WriteAllText(_directory.At($"{name}.pem"), $"{certificate.ExportCertificatePem()}\n{key.ExportPkcs8PrivateKeyPem()}\n");
            File.WriteAllBytes(_directory.At($"{name}.p12"), whole.Export(X509ContentType.Pkcs12, "changeit"));
        }
    }
}
