using System.Diagnostics;

namespace Interop;

/// <summary>What a process has printed so far, on either stream.</summary>
internal sealed class ProcessOutput
{
    private readonly List<string> _lines = [];

    /// <summary>Begins to read both streams of a process that has just been started.</summary>
    public ProcessOutput(Process process)
    {
        process.OutputDataReceived += Collect;
        process.ErrorDataReceived += Collect;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Text
    {
        get
        {
            lock (_lines)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    /// <summary>The last lines, for a failure's message.</summary>
    public string Tail(int lines = 30)
    {
        lock (_lines)
        {
            return string.Join('\n', _lines.TakeLast(lines));
        }
    }

    private void Collect(object sender, DataReceivedEventArgs e)
    {
        if (e.Data is { } line)
        {
            lock (_lines)
            {
                _lines.Add(line);
            }
        }
    }
}
