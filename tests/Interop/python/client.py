"""Python clients against a broker: client.py LIBRARY BOOTSTRAP COMMAND TOPIC [CODEC]. Exit 0 means that everything held.

LIBRARY is kafka-python, confluent or aiokafka. COMMAND: roundtrip (create, produce with CODEC, consume in a group, compare),
resume (offsets survive: nothing comes again), group (two members share the partitions, then one has them all)."""

import asyncio
import sys
import threading
import time

COUNT = 500
SESSION_MS = 30000      # a busy machine may hold a member up for long; whoever goes leaves by itself
broken = []             # what ended a member's thread


def messages(null_headers=True):
    """Records of every shape. kafka-python allows no null header, and confluent-kafka 1.7 crashes on it as it exits."""
    return [(None if i % 5 == 0 else b"key-%d" % (i % 17),
             None if i % 50 == 7 else b"" if i % 50 == 8 else ("value %d " % i + "äöü漢字" * (i % 40)).encode(),
             [("index", b"%d" % i), ("none", None if null_headers and i % 6 == 0 else b"x")] if i % 3 == 0 else []) for i in range(COUNT)]


def normal(records):
    return sorted(repr(r) for r in records)


def check(condition, what):
    if not condition:
        print("FAILED: " + what, file=sys.stderr)
        sys.exit(1)


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        check(not broken, f"a member failed: {broken}")
        check(time.monotonic() < end, what() if callable(what) else what)
        time.sleep(0.02)


class Member(threading.Thread):
    """A group member in a thread: collects records until told to stop. How many it has committed is what counts: what a member has
    only seen comes again when the group is shared anew."""

    def __init__(self, library, group):
        super().__init__(daemon=True)
        self.library, self.group, self.seen, self.assigned, self.committed, self.stopping = library, group, [], 0, 0, False
        self.start()

    def run(self):
        try:
            self.library.consume(self)
        except BaseException as e:
            broken.append(repr(e))

    def stop(self):
        self.stopping = True
        self.join(60)
        check(not self.is_alive(), "a consumer did not close")


class KafkaPython:
    null_headers = False

    def __init__(self, bootstrap, topic, codec):
        import kafka
        self.kafka, self.bootstrap, self.topic = kafka, bootstrap, topic
        self.codec = None if codec == "none" else codec

    def create(self, partitions):
        from kafka.admin import KafkaAdminClient, NewTopic
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap, client_id="interop-kafka-python")
        admin.create_topics([NewTopic(self.topic, partitions, 1)])
        admin.close()

    def produce(self):
        producer = self.kafka.KafkaProducer(bootstrap_servers=self.bootstrap, compression_type=self.codec, acks="all",
                                            linger_ms=5, batch_size=8192)
        sent = [producer.send(self.topic, key=k, value=v, headers=h) for k, v, h in messages(self.null_headers)]
        producer.flush(60)
        for future in sent:
            future.get(60)
        producer.close()

    def consume(self, member):
        consumer = self.kafka.KafkaConsumer(self.topic, bootstrap_servers=self.bootstrap, group_id=member.group,
                                            auto_offset_reset="earliest", session_timeout_ms=SESSION_MS,
                                            heartbeat_interval_ms=500, enable_auto_commit=False)
        while not member.stopping:
            for records in consumer.poll(timeout_ms=100).values():
                member.seen += [(r.key, r.value, list(r.headers)) for r in records]
            try:
                consumer.commit()
            except self.kafka.errors.KafkaError:
                continue    # a rebalance is under way; the next poll joins it
            member.committed = len(member.seen)
            member.assigned = len(consumer.assignment())
        consumer.close()


class Confluent:
    def __init__(self, bootstrap, topic, codec):
        import confluent_kafka
        self.lib, self.bootstrap, self.topic, self.codec = confluent_kafka, bootstrap, topic, codec
        self.null_headers = confluent_kafka.version()[0] >= "2"

    def create(self, partitions):
        from confluent_kafka.admin import AdminClient, NewTopic
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "client.id": "interop-confluent"})
        for future in admin.create_topics([NewTopic(self.topic, partitions, 1)]).values():
            future.result(30)

    def produce(self):
        failed = []
        producer = self.lib.Producer({"bootstrap.servers": self.bootstrap, "compression.type": self.codec,
                                      "enable.idempotence": True, "linger.ms": 5, "batch.num.messages": 40})
        for k, v, h in messages(self.null_headers):
            producer.produce(self.topic, key=k, value=v, headers=h, on_delivery=lambda e, m: failed.append(e) if e else None)
        check(producer.flush(60) == 0 and not failed, f"not all was delivered: {failed[:3]}")

    def consume(self, member):
        consumer = self.lib.Consumer({"bootstrap.servers": self.bootstrap, "group.id": member.group,
                                      "auto.offset.reset": "earliest", "session.timeout.ms": SESSION_MS,
                                      "heartbeat.interval.ms": 500, "enable.auto.commit": False})
        consumer.subscribe([self.topic])
        while not member.stopping:
            message = consumer.poll(0.1)
            if message is not None:
                if message.error() is not None:
                    # the broker that is asked may hear of the topic a moment after the one that made it
                    check(message.error().code() == self.lib.KafkaError.UNKNOWN_TOPIC_OR_PART, f"consumer error {message.error()}")
                    continue
                member.seen.append((message.key(), message.value(), message.headers() or []))
                consumer.commit(message, asynchronous=False)
                member.committed = len(member.seen)
            member.assigned = len(consumer.assignment())
        consumer.close()


class AioKafka:
    null_headers = True

    def __init__(self, bootstrap, topic, codec):
        self.bootstrap, self.topic, self.codec = bootstrap, topic, None if codec == "none" else codec

    def create(self, partitions):
        async def run():
            from aiokafka.admin import AIOKafkaAdminClient, NewTopic
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await admin.start()
            await admin.create_topics([NewTopic(self.topic, partitions, 1)])
            await admin.close()
        asyncio.run(run())

    def produce(self):
        async def run():
            from aiokafka import AIOKafkaProducer
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, compression_type=self.codec,
                                        enable_idempotence=True, linger_ms=5)
            await producer.start()
            futures = [await producer.send(self.topic, key=k, value=v, headers=h) for k, v, h in messages(self.null_headers)]
            await asyncio.gather(*futures)
            await producer.stop()
        asyncio.run(run())

    def consume(self, member):
        async def run():
            from aiokafka import AIOKafkaConsumer
            from aiokafka.errors import KafkaError
            consumer = AIOKafkaConsumer(self.topic, bootstrap_servers=self.bootstrap, group_id=member.group,
                                        auto_offset_reset="earliest", session_timeout_ms=SESSION_MS,
                                        heartbeat_interval_ms=500, enable_auto_commit=False)
            await consumer.start()
            while not member.stopping:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    member.seen += [(r.key, r.value, list(r.headers)) for r in records]
                try:
                    await consumer.commit()
                except KafkaError:
                    continue    # a rebalance is under way
                member.committed = len(member.seen)
                member.assigned = len(consumer.assignment())
            await consumer.stop()
        asyncio.run(run())


def roundtrip(library, topic):
    library.create(3)
    library.produce()
    member = Member(library, topic + "-group")
    until(lambda: member.committed >= COUNT, lambda: f"only {len(member.seen)} of {COUNT} records arrived")
    member.stop()
    check(normal(member.seen) == normal(messages(library.null_headers)), "what arrived is not what was sent")


def resume(library, topic):
    """Nothing comes again after roundtrip, even when the broker was started anew in between."""
    member = Member(library, topic + "-group")
    until(lambda: member.assigned == 3, "the group was not joined again")
    library.produce()
    until(lambda: member.committed >= COUNT, lambda: f"only {len(member.seen)} of {COUNT} new records arrived")
    member.stop()
    check(normal(member.seen) == normal(messages(library.null_headers)), "something came again: the offsets were not kept")


def group(library, topic):
    library.create(4)
    one, two = Member(library, topic + "-group"), Member(library, topic + "-group")
    until(lambda: (one.assigned, two.assigned) == (2, 2), lambda: f"partitions are dealt {one.assigned} and {two.assigned}")
    library.produce()
    until(lambda: one.committed + two.committed >= COUNT,
          lambda: f"only {len(one.seen)} and {len(two.seen)} of {COUNT} records arrived in the group")
    two.stop()
    until(lambda: one.assigned == 4, lambda: f"the remaining member never got all partitions but {one.assigned}")
    one.stop()
    check(normal(one.seen + two.seen) == normal(messages(library.null_headers)), "the group got something else, or twice")


def main():
    library, bootstrap, command, topic = sys.argv[1:5]
    codec = sys.argv[5] if len(sys.argv) > 5 else "none"
    kind = {"kafka-python": KafkaPython, "confluent": Confluent, "aiokafka": AioKafka}[library]
    {"roundtrip": roundtrip, "resume": resume, "group": group}[command](kind(bootstrap, topic, codec), topic)
    print("ok")


if __name__ == "__main__":
    main()
