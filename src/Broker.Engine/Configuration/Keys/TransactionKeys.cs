namespace Broker.Engine.Configuration.Keys;

/// <summary>Transactions. For the columns see <see cref="KeyTable"/>.</summary>
internal static class TransactionKeys
{
    public const string Table = """
        - add.partitions.to.txn.retry.backoff.max.ms | Int | 100 | High | R | >=0 |  | transactions are not supported
        - add.partitions.to.txn.retry.backoff.ms | Int | 20 | High | R | >=1 |  | transactions are not supported
        - transaction.abort.timed.out.transaction.cleanup.interval.ms | Int | 10000 | Low | R | >=1 |  | transactions are not supported
        - transaction.max.timeout.ms | Int | 900000 | High | R | >=1 |  | transactions are not supported
        - transaction.partition.verification.enable | Boolean | true | Low | C |  |  | transactions are not supported
        - transaction.remove.expired.transaction.cleanup.interval.ms | Int | 3600000 | Low | R | >=1 |  | transactions are not supported
        - transaction.state.log.load.buffer.size | Int | 5242880 | High | R | >=1 |  | transactions are not supported
        - transaction.state.log.min.isr | Int | 2 | High | R | >=1 |  | transactions are not supported
        - transaction.state.log.num.partitions | Int | 50 | High | R | >=1 |  | transactions are not supported
        - transaction.state.log.replication.factor | Short | 1 | High | R | >=1 |  | transactions are not supported
        - transaction.state.log.segment.bytes | Int | 104857600 | High | R | >=1 |  | transactions are not supported
        - transaction.two.phase.commit.enable | Boolean | false | Low | R |  |  | transactions are not supported
        - transactional.id.expiration.ms | Int | 604800000 | High | R | >=1 |  | transactions are not supported
        """;
}
