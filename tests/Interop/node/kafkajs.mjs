import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import { COUNT, check, digest, messages, until } from './common.mjs'

const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = kafkajs
CompressionCodecs[CompressionTypes.Snappy] = snappy
const [bootstrap, command, topic, codec = 'none'] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'interop-kafkajs', brokers: bootstrap.split(','), logLevel: logLevel.ERROR })
const compression = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }[codec]

async function create (partitions) {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }], waitForLeaders: true })
  await admin.disconnect()
}

async function produce () {
  const producer = kafka.producer({ allowAutoTopicCreation: false, idempotent: codec === 'none' })
  await producer.connect()
  const all = messages()
  for (let i = 0; i < all.length; i += 50) {
    await producer.send({ topic, compression, acks: -1, messages: all.slice(i, i + 50) })
  }
  await producer.disconnect()
}

function consumer (groupId) {
  const client = kafka.consumer({ groupId, sessionTimeout: 30000, heartbeatInterval: 500, rebalanceTimeout: 30000, maxWaitTimeInMs: 500 })
  const seen = []
  const plain = h => Object.fromEntries(Object.entries(h ?? {}).map(([k, v]) => [k, v.toString()]))
  return {
    client,
    seen,
    async start () {
      await client.connect()
      await client.subscribe({ topics: [topic], fromBeginning: true })
      await client.run({
        autoCommit: true,
        eachMessage: async ({ message }) => {
          seen.push({ key: message.key?.toString() ?? null, value: message.value?.toString() ?? null, headers: plain(message.headers) })
        }
      })
    }
  }
}

async function committed (groupId) {
  const admin = kafka.admin()
  await admin.connect()
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] })
  await admin.disconnect()
  return partitions.reduce((sum, p) => sum + Math.max(0, Number(p.offset)), 0)
}

const commands = {
  async roundtrip () {
    await create(3)
    await produce()
    const one = consumer(`${topic}-group`)
    await one.start()
    await until(() => one.seen.length >= COUNT, () => `only ${one.seen.length} of ${COUNT} messages arrived`)
    await one.client.disconnect()
    check(digest(one.seen) === digest(messages()), 'what arrived is not what was sent')
  },

  /** Nothing comes again after roundtrip, even when the broker was started anew in between. */
  async resume () {
    await produce()
    const one = consumer(`${topic}-group`)
    await one.start()
    await until(() => one.seen.length >= COUNT, () => `only ${one.seen.length} of ${COUNT} new messages arrived`)
    await one.client.disconnect()
    check(digest(one.seen) === digest(messages()), 'something came again: the offsets were not kept')
  },

  async group () {
    await create(4)
    const one = consumer(`${topic}-group`)
    const two = consumer(`${topic}-group`)
    const both = new Set()
    one.client.on('consumer.group_join', e => both.add('1:' + Object.values(e.payload.memberAssignment).flat().length))
    two.client.on('consumer.group_join', e => both.add('2:' + Object.values(e.payload.memberAssignment).flat().length))
    await one.start()
    await two.start()
    await until(() => both.has('2:2'), 'the second member never got half of the partitions')
    await produce()
    await until(() => one.seen.length + two.seen.length >= COUNT,
      () => `only ${one.seen.length} and ${two.seen.length} of ${COUNT} messages arrived in the group`)
    // What is seen and not yet committed comes again when the group is shared anew.
    await until(async () => await committed(`${topic}-group`) === COUNT, 'not all was committed')
    await two.client.disconnect()
    await until(() => both.has('1:4'), 'the first member never got all partitions back')
    await one.client.disconnect()
    check(digest([...one.seen, ...two.seen]) === digest(messages()), 'the group got something else, or twice')
    const again = consumer(`${topic}-group`)
    let fetches = 0
    again.client.on('consumer.fetch', () => fetches++)
    await again.start()
    await until(() => fetches >= 2, 'the group was not joined again')
    check(again.seen.length === 0, `${again.seen.length} messages came again: the offsets were not kept`)
    await again.client.disconnect()
  },

  async admin () {
    await create(2)
    const admin = kafka.admin()
    await admin.connect()
    await produce()
    const offsets = await admin.fetchTopicOffsets(topic)
    check(offsets.reduce((sum, p) => sum + Number(p.high), 0) === COUNT, 'offsets do not add up')
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
    const cluster = await admin.describeCluster()
    check(cluster.brokers.length >= 1 && cluster.clusterId, 'no brokers')
    const { resources: [described] } = await admin.describeConfigs({ resources: [{ type: 2, name: topic }] })
    check(described.configEntries.some(e => e.configName === 'retention.ms'), 'no configuration')
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries: [{ name: 'retention.ms', value: '4711' }] }] })
    // The broker that is asked may hear of a change a moment after the one that made it.
    await until(async () => {
      const { resources: [changed] } = await admin.describeConfigs({ resources: [{ type: 2, name: topic, configNames: ['retention.ms'] }] })
      return changed.configEntries[0].configValue === '4711'
    }, 'the configuration did not change')
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] })
    check((await admin.fetchTopicOffsets(topic)).find(p => p.partition === 0).low === '5', 'records were not deleted')
    await admin.deleteTopics({ topics: [topic] })
    await until(async () => !(await admin.listTopics()).includes(topic), 'the topic is still there')
    await admin.disconnect()
  }
}

await commands[command]()
console.log('ok')
process.exit(0)
