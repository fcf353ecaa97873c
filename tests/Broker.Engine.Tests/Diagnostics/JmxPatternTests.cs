using Broker.Engine.Admin;
using Broker.Engine.Admin.Hosted.Metrics;

namespace Broker.Engine.Tests.Diagnostics;

/// <summary>Object name patterns as javax.management takes them.</summary>
public sealed class JmxPatternTests
{
    private static readonly BeanFamily s_family = new("kafka.log", "Log", "Size", BeanKind.Gauge, (_, _) => { });
    private static readonly BeanFamily s_own = new("kafka.server", "app-info", null, BeanKind.Attributes, (_, _) => { });

    private static bool Matches(string? pattern, BeanFamily family, in Tags tags)
    {
        var parsed = new JmxPattern(pattern);
        return parsed.MayMatch(family) && parsed.Matches(family, tags);
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("", true)]
    [InlineData("*:*", true)]
    [InlineData("kafka.log:*", true)]
    [InlineData("kafka.*:*", true)]
    [InlineData("kafka.lo?:*", true)]
    [InlineData("kafka.lo:*", false)]
    [InlineData("kafka.log:type=Log,name=Size,topic=orders,partition=12", true)]
    [InlineData("kafka.log:partition=12,topic=orders,name=Size,type=Log", true)]
    [InlineData("kafka.log:type=Log,name=Size", false)]
    [InlineData("kafka.log:type=Log,name=Size,*", true)]
    [InlineData("kafka.log:*,name=Size,type=Log", true)]
    [InlineData("kafka.log:type=Log,name=*,topic=ord*,partition=1?", true)]
    [InlineData("kafka.log:type=Log,name=*,topic=ord*,partition=?", false)]
    [InlineData("kafka.log:type=Log,topic=*s,*", true)]
    [InlineData("kafka.log:type=Log,broker=1,*", false)]
    [InlineData("kafka.log:type=Log,name=Size,topic=orders,partition=12,*", true)]
    [InlineData("*:type=L*g,*", true)]
    public void Matches_ABeanWithTags_AsJmxDoes(string? pattern, bool expected) =>
        Assert.Equal(expected, Matches(pattern, s_family, default(Tags).And("topic", "orders").And("partition", 12)));

    [Theory]
    [InlineData("kafka.server:type=app-info", true)]
    [InlineData("kafka.server:type=app-info,id=*", false)]
    [InlineData("kafka.server:type=app-info,*", true)]
    [InlineData("kafka.server:type=app-info,name=*", false)]
    public void Matches_ABeanWithoutName_AsJmxDoes(string pattern, bool expected) =>
        Assert.Equal(expected, Matches(pattern, s_own, default));

    [Theory]
    [InlineData("a:b*c", "\"a:b\\*c\"")]
    [InlineData("plain-1.x", "plain-1.x")]
    public void Quoted_WithSyntaxInside_IsInQuotes(string value, string expected)
    {
        Assert.Equal(expected, JmxPattern.Quoted(value));
        Assert.True(Matches($"kafka.log:type=Log,name=Size,topic={expected}", s_family, default(Tags).And("topic", value)));
        Assert.False(Matches($"kafka.log:type=Log,name=Size,topic={expected}", s_family, default(Tags).And("topic", value + "x")));
    }

    [Theory]
    [InlineData("kafka.log")]
    [InlineData("kafka.log:")]
    [InlineData("kafka.log:type")]
    [InlineData("kafka.log:=Log")]
    [InlineData("kafka.log:type=Log,type=Log")]
    [InlineData("kafka.log:type=Log,")]
    [InlineData("kafka.log:ty*e=Log")]
    [InlineData("kafka.log:*,*")]
    [InlineData("kafka.log:topic=\"open")]
    [InlineData("kafka.log:topic=")]
    public void Constructor_OfWhatIsNoPattern_Refuses(string text) =>
        Assert.Equal("INVALID_REQUEST", Assert.Throws<AdminException>(() => new JmxPattern(text)).Error);
}
