using System.Diagnostics;
using System.Globalization;

namespace Interop;

/// <summary>A real client (librdkafka) that sends numbered records through every fault and tells at the end what was acknowledged.</summary>
internal sealed class IdempotentProducer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _file;
    private readonly Task<string> _output;
    private readonly Task<string> _error;

    private IdempotentProducer(Process process, string file)
    {
        _process = process;
        _file = file;
        _output = process.StandardOutput.ReadToEndAsync();
        _error = process.StandardError.ReadToEndAsync();
    }

    /// <param name="bootstrap">Every broker.</param>
    /// <param name="topic">An existing topic.</param>
    /// <param name="partitions">Of the topic.</param>
    /// <param name="rate">Records a second, over all partitions.</param>
    /// <param name="acks">"all", with idempotence, or "1", without.</param>
    public static async Task<IdempotentProducer> StartAsync(string bootstrap, string topic, int partitions, int rate = 2_000, string acks = "all")
    {
        string python = await PythonClientTests.CurrentAsync();
        string file = Path.GetTempFileName();
        return new IdempotentProducer(Process.Start(new ProcessStartInfo(
            python, [Repository.Scripts("python", "idempotent.py"), bootstrap, topic, $"{partitions}", $"{rate}", acks, file])
        { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!, file);
    }

    /// <summary>Fails with what the client said if it gave up.</summary>
    public async Task StillRunsAsync(string after)
    {
        if (_process.HasExited)
        {
            Assert.Fail($"the producer gave up after {after}: {await _output}{await _error}");
        }
    }

    /// <summary>Lets it flush and end.</summary>
    /// <returns>What was acknowledged, and the client's own count.</returns>
    public async Task<(List<(int Partition, long Number, long Offset)> Acknowledged, string Said)> EndAsync()
    {
        await _process.StandardInput.WriteLineAsync();
        await Until.HoldsAsync("the producer has flushed and ends", () => _process.HasExited, seconds: 150);
        string said = (await _output).Trim();
        Assert.True(_process.ExitCode == 0, $"{said}\n{await _error}");
        List<(int Partition, long Number, long Offset)> acknowledged =
        [
            .. File.ReadLines(_file).Select(line => line.Split(' ')).Select(parts => (
                int.Parse(parts[0], CultureInfo.InvariantCulture), long.Parse(parts[1], CultureInfo.InvariantCulture),
                long.Parse(parts[2], CultureInfo.InvariantCulture))),
        ];
        return (acknowledged, said);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
        File.Delete(_file);
    }
}
