namespace EndToEnd;

/// <summary>Tests that hold pages to a time: they run when the others are through.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
