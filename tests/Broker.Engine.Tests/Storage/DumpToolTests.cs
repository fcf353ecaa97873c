using System.Diagnostics;
using Broker.Engine.Storage.Files;
using Broker.Protocol.Messages;
using Broker.Protocol.Records;
using Broker.Protocol.Wire;

namespace Broker.Engine.Tests.Storage;

/// <summary>Files of transactions, read by Apache Kafka's dump tool where it is at hand.</summary>
public sealed class DumpToolTests : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly LogFixture _fixture;

    public DumpToolTests()
    {
        _fixture = new LogFixture(PhysicalDisk.Instance, _directory.At("logs"), LogFixture.NewConfig(segmentBytes: 2_000, indexIntervalBytes: 200));
        _fixture.Open();
    }

    public void Dispose() => _directory.Dispose();

    private static async Task<string> DumpAsync(IEnumerable<string> files, params string[] options)
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "WebConsole.sln")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }
        string tool = Path.GetFullPath(Path.Combine(folder, "..", "shared", "peers", "bin", "kafka"));
        Assert.SkipUnless(File.Exists(tool), "Apache Kafka's tools are not at hand (../shared/peers)");
        var info = new ProcessStartInfo(tool, ["4.3", "dump-log", .. options, "--files", string.Join(',', files)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(info)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, output + await errors);
        foreach (string complaint in new[] { "isvalid: false", "Mismatches", "Non-consecutive", "Exception", "Found ", "Could not" })
        {
            Assert.DoesNotContain(complaint, output, StringComparison.OrdinalIgnoreCase);
        }
        return output;
    }

    [Fact]
    public async Task TransactionIndexAndSnapshots_AreReadWithoutComplaint()
    {
        for (int i = 0; i < 30; i++)
        {
            int producer = i % 3;
            byte[] batch = _fixture.Batch(2, 50, producerId: 100 + producer, sequence: i / 3 * 2, isTransactional: true);
            Assert.Equal(ErrorCode.None, _fixture.Log.AppendFromCoordinator(batch, _fixture.NowMs, 0).Error);
            if (producer == 2)
            {
                _fixture.End(100, ControlRecordType.Abort);
                _fixture.End(101, ControlRecordType.Commit);
                _fixture.End(102, ControlRecordType.Abort);
            }
        }
        _fixture.Background.RunAll();
        _fixture.Log.Close();
        string[] files = [.. Directory.GetFiles(_fixture.Directory, "0*").Order(StringComparer.Ordinal)];
        string[] aborted = [.. files.Where(f => f.EndsWith(".txnindex", StringComparison.Ordinal))];
        Assert.True(aborted.Length > 1, string.Join(' ', files.Select(Path.GetFileName)));
        string dumped = await DumpAsync(aborted);
        Assert.Equal(20, dumped.Split("producerId: ").Length - 1);
        Assert.Contains("producerId: 100 firstOffset: 0 lastOffset: 6 lastStableOffset: ", dumped, StringComparison.Ordinal);
        Assert.Contains("producerId: 102", await DumpAsync(files.Where(f => f.EndsWith(".snapshot", StringComparison.Ordinal))), StringComparison.Ordinal);
        string log = await DumpAsync(files.Where(f => f.EndsWith(".log", StringComparison.Ordinal)), "--deep-iteration", "--print-data-log");
        Assert.Contains("endTxnMarker: ABORT", log, StringComparison.Ordinal);
        await DumpAsync(files.Where(f => f.EndsWith("index", StringComparison.Ordinal) && !f.EndsWith(".txnindex", StringComparison.Ordinal)), "--index-sanity-check");
    }

    [Fact]
    public async Task TransactionLog_IsReadByItsDecoder()
    {
        var value = new TransactionLogValue
        {
            ProducerId = 4711, ProducerEpoch = 3, TransactionTimeoutMs = 60_000, TransactionStatus = 1,
            TransactionLastUpdateTimestampMs = _fixture.NowMs, TransactionStartTimestampMs = _fixture.NowMs,
        };
        var partitions = new TransactionLogValue.PartitionsSchema { Topic = "orders" };
        partitions.PartitionIds.Add(2);
        value.TransactionPartitions!.Add(partitions);
        using var builder = new RecordBatchBuilder(new RecordCodecs());
        builder.Begin(new RecordBatchOptions());
        builder.Append(_fixture.NowMs, Encode(0, new TransactionLogKey { TransactionalId = "payments" }), Encode(1, value));
        _fixture.Append(builder.Finish().ToArray());
        _fixture.Background.RunAll();
        _fixture.Log.Close();
        string dumped = await DumpAsync([_fixture.File(0, ".log")], "--deep-iteration", "--transaction-log-decoder");
        Assert.Contains("payments", dumped, StringComparison.Ordinal);
        Assert.Contains("4711", dumped, StringComparison.Ordinal);
        Assert.Contains("orders", dumped, StringComparison.Ordinal);
    }

    /// <summary>A version and the message in it, as coordinators write keys and values.</summary>
    private static byte[] Encode(short version, IKafkaMessage message)
    {
        var writer = new KafkaWriter();
        writer.WriteInt16(version);
        message.Write(writer, version);
        return writer.WrittenSpan.ToArray();
    }
}
