namespace Simulation.World;

/// <summary>What a disk refuses.</summary>
internal enum DiskFaultKind
{
    None,

    /// <summary>EIO, whatever changes something.</summary>
    Write,

    /// <summary>EIO in reads.</summary>
    Read,

    /// <summary>EIO in syncs.</summary>
    Sync,

    /// <summary>ENOSPC: a part of what is written is there.</summary>
    Full,
}

/// <summary>How a disk fails for a time.</summary>
/// <param name="Kind">What it refuses.</param>
/// <param name="Probability">How often.</param>
internal readonly record struct DiskFault(DiskFaultKind Kind, double Probability)
{
    public bool Hits(string operation) => Kind switch
    {
        DiskFaultKind.Write => operation is not ("read" or "list" or "sync"),
        DiskFaultKind.Read => operation is "read" or "list",
        DiskFaultKind.Sync => operation == "sync",
        _ => false,
    };
}
