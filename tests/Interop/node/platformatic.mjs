import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { COUNT, check, digest, messages, until } from './common.mjs'

const [bootstrap, command, topic, codec = 'none'] = process.argv.slice(2)
const options = { clientId: 'interop-platformatic', bootstrapBrokers: bootstrap.split(',') }

async function create (partitions) {
  const admin = new Admin(options)
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  await admin.close()
}

async function produce () {
  const producer = new Producer({ ...options, serializers: stringSerializers, compression: codec, autocreateTopics: false })
  const all = messages()
  for (let i = 0; i < all.length; i += 50) {
    await producer.send({
      acks: -1,
      messages: all.slice(i, i + 50).map(m => ({ topic, key: m.key ?? undefined, value: m.value ?? undefined, headers: m.headers }))
    })
  }
  await producer.close()
}

const text = v => (v === undefined || v === null ? null : v.toString())

async function member (groupId) {
  const consumer = new Consumer({ ...options, groupId, deserializers: stringDeserializers, sessionTimeout: 30000, heartbeatInterval: 500 })
  const seen = []
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', autocommit: 100, maxWaitTime: 200 })
  stream.on('data', m => seen.push({
    key: text(m.key),
    value: text(m.value),
    headers: Object.fromEntries([...(m.headers ?? new Map())].map(([k, v]) => [text(k), text(v)]))
  }))
  return { seen, consumer, async close () { await stream.close(); await consumer.close(true) } }
}

// This client sends null and empty text alike; the others tell them apart.
const same = list => digest(list.map(m => ({ ...m, value: m.value || null, key: m.key || null })))

const commands = {
  async roundtrip () {
    await create(3)
    await produce()
    const one = await member(`${topic}-group`)
    await until(() => one.seen.length >= COUNT, () => `only ${one.seen.length} of ${COUNT} messages arrived`)
    await one.close()
    check(same(one.seen) === same(messages()), 'what arrived is not what was sent')
  },

  /** Nothing comes again after roundtrip, even when the broker was started anew in between. */
  async resume () {
    await produce()
    const one = await member(`${topic}-group`)
    await until(() => one.seen.length >= COUNT, () => `only ${one.seen.length} of ${COUNT} new messages arrived`)
    await one.close()
    check(same(one.seen) === same(messages()), 'something came again: the offsets were not kept')
  },

  async group () {
    await create(4)
    await produce()
    const one = await member(`${topic}-group`)
    const two = await member(`${topic}-group`)
    await until(() => one.seen.length + two.seen.length >= COUNT,
      () => `only ${one.seen.length} and ${two.seen.length} of ${COUNT} messages arrived in the group`)
    await two.close()
    await one.close()
    const again = await member(`${topic}-group`)
    // A record more for each partition: what came again would come before it.
    const producer = new Producer({ ...options, serializers: stringSerializers, autocreateTopics: false })
    await producer.send({ acks: -1, messages: [0, 1, 2, 3].map(partition => ({ topic, partition, key: 'last', value: 'last' })) })
    await producer.close()
    const last = () => again.seen.filter(m => m.key === 'last').length
    await until(() => last() === 4, () => `only ${last()} of the last 4 messages arrived`)
    check(again.seen.length === 4, `${again.seen.length - 4} messages came again: the offsets were not kept`)
    await again.close()
  }
}

await commands[command]()
console.log('ok')
process.exit(0)
