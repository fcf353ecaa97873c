using System.Text.RegularExpressions;

namespace Interop;

/// <summary>ZooKeeper's own shell says of our tree what it says of a real ZooKeeper, but for times, ids and sizes of the rest of the tree.</summary>
public sealed partial class ServedTreeShellTests
{
    /// <summary>user u, password pw.</summary>
    private const string Owner = "u:BvFaefuhWURhnvpD7ipe45CKTpk=";

    private const string Script = $"""
        ls -R /zookeeper
        stat /zookeeper
        stat /zookeeper/config
        get -s /zookeeper/config
        config
        getAcl /zookeeper/config
        getAcl -s /zookeeper/quota
        whoami
        create /w a
        create /w/empty ""
        get /w/empty
        create /w/none
        get /w/none
        create /w/x b
        create /w/x b
        create -s /w/s- seq
        create -e /w/e eph
        create -e -s /w/es- q
        create /w/e/child no
        create -c /w/c
        create -c /w/c/in
        stat /w/c
        create -t 1000 /w/ttl x
        create -c -e /w/ce
        create -s -c /w/sc
        ls -s /w
        ls -R /w
        getAllChildrenNumber /w
        getAllChildrenNumber /none
        getEphemerals /w/es
        get -s /w/x
        set /w/x c
        set -v 5 /w/x d
        set -v 1 /w/x d
        set -s /w/x e
        set /none x
        get /none
        stat /none
        ls /none
        delete /none
        delete -v 9 /w/x
        delete /w
        setAcl /w/x world:anyone:r
        getAcl -s /w/x
        set /w/x f
        get /w/x
        setAcl -v 0 /w/x world:anyone:cdrwa
        setAcl /w/x digest:bad:bad:r
        setAcl /w/c sasl:me:r
        setAcl /w/c ip:nowhere:r
        setAcl /w/c world:someone:r
        setAcl /w/c auth::cdrwa
        setAcl -v 7 /w/none world:anyone:r
        setAcl /w/none ip:10.0.0.1:cdrwa
        get /w/none
        create /p pw digest:{Owner}:cdrwa
        get /p
        getAcl /p
        addauth digest u:pw
        whoami
        get /p
        getAcl /p
        create /q pq auth::cdrwa
        create /q/r x
        setAcl -R /q world:anyone:r,digest:{Owner}:cdrwa
        getAcl -s /q/r
        deleteall /q
        delete /p
        sync /w
        get -w /w/s-0000000003
        set /w/s-0000000003 new
        ls -w /w
        create /w/newchild
        stat -w /w/newchild
        delete /w/newchild
        addWatch -m PERSISTENT /w
        addWatch -m PERSISTENT_RECURSIVE /w/c
        create /w/c/two
        set /w zzz
        removewatches /w
        removewatches /w
        removewatches /w/c -a
        setquota -n 50 /w
        listquota /w
        setquota -b 500 /w
        ls -R /zookeeper
        delquota /w
        ls -R /zookeeper
        delete /zookeeper/config
        delete /zookeeper
        set /zookeeper/config x
        create relative x
        create //x x
        create /w/../x y
        create / y
        delete /
        reconfig -remove 1
        deleteall /w
        ls /w
        whoami
        quit

        """;

    [GeneratedRegex(@"^(cZxid|mZxid|pZxid|ctime|mtime) = .*|ephemeralOwner = 0x[1-9a-f].*|\d{4}-\d\d-\d\d.*|127\.0\.0\.1:\d+", RegexOptions.Multiline)]
    private static partial Regex Differing();

    [Fact]
    public async Task Shell_SaysTheSame_OfOurTreeAndOfARealZooKeeper()
    {
        JavaToolTests.Tools();
        int port = FreePorts.InARow(1);
        Task<HostProcess> starting = HostProcess.StartAsync(brokers: 1, arguments: ["--zookeeper-port", $"{port}"]);
        await using ZooKeeperProcess real = await ZooKeeperProcess.StartAsync();
        await using HostProcess ours = await starting;

        CommandResult[] said = await Task.WhenAll(new[] { real.Address, $"127.0.0.1:{port}" }
            .Select(server => KafkaTool.TryAsync("3.9", "zookeeper-shell", ["-server", server], Script)));

        Assert.Contains("Auth scheme: User", said[0].Output, StringComparison.Ordinal);
        Assert.Equal(Plain(said[0].Output), Plain(said[1].Output));
        Assert.Equal(Plain(said[0].Error), Plain(said[1].Error));
        Assert.Equal(Events(said[0].Output), Events(said[1].Output));
    }

    /// <summary>What the commands printed; events come between them when they like.</summary>
    private static string Plain(string text) => string.Join('\n', Differing().Replace(text, "").Split('\n')
        .Where(line => line.Trim().Length > 0 && line != "WATCHER::" && !line.StartsWith("WatchedEvent", StringComparison.Ordinal)));

    /// <summary>The events, in their order; the last, that the client has closed its session, is printed or not as the program ends.</summary>
    private static string Events(string text) => string.Join('\n', text.Split('\n').Where(
        line => line.StartsWith("WatchedEvent", StringComparison.Ordinal) && !line.Contains("state:Closed", StringComparison.Ordinal)));
}
