using Broker.Engine.Storage.Files;

namespace Broker.Engine.Tests.Storage;

/// <summary>Descriptors of log files: how many there are, and who gives them back.</summary>
public sealed class OpenFilesTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private PhysicalFile NewFile(OpenFiles open, int number) => new(_directory.At($"{number}.log"), open);

    [Fact]
    public void Open_MoreThanThereMayBe_ClosesOthersAndAllGoOn()
    {
        var open = new OpenFiles(filesMax: 8);
        PhysicalFile[] files = [.. Enumerable.Range(0, 200).Select(i => NewFile(open, i))];
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < files.Length; i++)
            {
                files[i].Write([(byte)i], round);
                Assert.InRange(open.Count, 1, 9);
            }
        }
        byte[] read = new byte[3];
        for (int i = 0; i < files.Length; i++)
        {
            Assert.Equal(3, files[i].Read(read, 0));
            Assert.Equal([(byte)i, (byte)i, (byte)i], read);
        }
        Array.ForEach(files, f => f.Dispose());
        Assert.Equal(0, open.Count);
    }

    [Fact]
    public void CloseIdle_ClosesWhatNobodyUses_AndKeepsWhatAResponseIsSentFrom()
    {
        var open = new OpenFiles();
        PhysicalFile used = NewFile(open, 1);
        PhysicalFile idle = NewFile(open, 2);
        PhysicalFile sent = NewFile(open, 3);
        Array.ForEach([used, idle, sent], f => f.Write([7], 0));
        Assert.True(sent.TryAddReference());
        int descriptor = (int)sent.Handle!.DangerousGetHandle();
        for (int i = 0; i <= OpenFiles.IdleLooksMax; i++)
        {
            used.Write([7], 0);
            open.CloseIdle();
        }
        Assert.Equal(2, open.Count);
        Assert.Equal(descriptor, (int)sent.Handle!.DangerousGetHandle());
        sent.ReleaseReference();
        open.CloseIdle();
        Assert.Equal(2, open.Count);   // it was looked at as it was sent from
        Assert.Equal(1, idle.Length);
        Assert.Equal(3, open.Count);
        Array.ForEach([used, idle, sent], f => f.Dispose());
        Assert.Equal(0, open.Count);
    }

    [Fact]
    public async Task MakeRoom_WhileFilesAreReadAndWritten_TakesNobodysDescriptorAway()
    {
        var open = new OpenFiles(filesMax: 2);
        PhysicalFile[] files = [.. Enumerable.Range(0, 6).Select(i => NewFile(open, i))];
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(() =>
        {
            byte[] one = new byte[1];
            var random = new Random(worker);
            for (int i = 0; i < 5_000; i++)
            {
                int at = random.Next(files.Length);
                files[at].Write([(byte)at], worker);
                Assert.Equal(1, files[at].Read(one, worker));
                Assert.Equal(at, one[0]);
            }
        })));
        Array.ForEach(files, f => f.Dispose());
        Assert.Equal(0, open.Count);
    }
}
