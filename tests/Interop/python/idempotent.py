"""An idempotent producer under faults: idempotent.py BOOTSTRAP TOPIC PARTITIONS RATE ACKS FILE.

Sends numbered records to every partition until a line comes on standard input, then flushes and writes what was acknowledged to FILE, a
line each: partition, number, offset. Says what it counted as its last line. Exit 0 unless the client failed for good."""

import sys
import threading
import time

from confluent_kafka import Producer

bootstrap, topic, partitions, rate, acks, file = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6]
acknowledged, failed, fatal, ended = [], {}, [], threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()


def fail(error):
    if error.fatal():
        fatal.append(str(error))


def report(partition, number):
    def delivered(error, message):
        if error is None:
            offset = message.offset()   # None where the broker knew a retry as a duplicate and no longer where it lies
            acknowledged.append((partition, number, -1 if offset is None else offset))
        else:
            failed[error.name()] = failed.get(error.name(), 0) + 1
    return delivered


producer = Producer({
    "bootstrap.servers": bootstrap, "enable.idempotence": acks == "all", "acks": acks, "linger.ms": 5, "error_cb": fail,
    "message.timeout.ms": 600000, "reconnect.backoff.max.ms": 500, "topic.metadata.refresh.interval.ms": 2000,
    "socket.timeout.ms": 20000, "log_level": 0, "queue.buffering.max.messages": 200000, "retries": 2147483647,
})
sent, began = 0, time.monotonic()
while not ended.is_set() and not fatal:
    producer.poll(0)
    due = int((time.monotonic() - began) * rate)
    if sent >= due:
        time.sleep(0.005)
        continue
    partition, number = sent % partitions, sent // partitions
    try:
        producer.produce(topic, b"%d" % number, partition=partition, on_delivery=report(partition, number))
        sent += 1
    except BufferError:
        time.sleep(0.05)
        began += 0.05
left = producer.flush(120)
with open(file, "w", encoding="ascii") as out:
    for line in acknowledged:
        out.write("%d %d %d\n" % line)
print("sent %d, acknowledged %d, failed %s, left %d, fatal %s" % (sent, len(acknowledged), failed or 0, left, fatal or "none"))
sys.exit(1 if fatal or left else 0)
