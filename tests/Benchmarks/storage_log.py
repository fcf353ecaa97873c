"""Rows of storage.py for what a log does one after the other: append, read, look-ups, compaction, and segments that roll by time."""
import os
import random
import subprocess
import time

from compare import log

LOOKUPS = 2000


class LogRows:
    """Mixed into Storage."""

    def append(self, name):
        """One topic appended to in batches of 1 MB, three connections; and of 16 KB."""
        self.start(name)
        figures = {}
        for what, batch, record in (("1 MB", 1_000_000, 1024), ("16 KB", 16_000, 1024)):
            topic = f"append{batch}"
            self.topic(topic, segment_bytes=1 << 30)
            before = self.cpu()
            r = self.run("produce", t=topic, p=1, c=3, w=5, B=batch, s=record, a=1, d=self.args.secs)
            figures[f"MB/s, batches of {what}"] = r["bytes"] / r["seconds"] / 1e6
            figures[f"CPU s/GB, batches of {what}"] = (self.cpu() - before) / (r["bytes"] / 1e9)
        self.stop()
        return figures

    def read(self, name):
        """What was appended, read in answers of 1 MB from the page cache, three connections."""
        self.start(name)
        self.topic("full", segment_bytes=256 << 20)
        self.fill("full", 1)
        before = self.cpu()
        r = self.run("fetch", t="full", p=1, c=3, m=1 << 20, d=self.args.secs)
        figures = {"MB/s": r["bytes"] / r["seconds"] / 1e6, "CPU s/GB": (self.cpu() - before) / (r["bytes"] / 1e9)}
        self.stop()
        return figures

    def lookup(self, name):
        """One record at a random offset, and the first record at or after a random time, one after the other over one connection."""
        self.start(name)
        self.topic("full", segment_bytes=64 << 20)
        began = int(time.time() * 1000)
        self.run("produce", t="full", p=1, c=1, w=5, B=16_000, s=100, a=1, d=600, n=40_000)
        ended = int(time.time() * 1000)
        end = self.kwire.offsets(self.boot, "full")[0]
        figures = {}
        k = self.kwire
        for what in ("offset", "time"):
            pick = random.Random(7)
            took = []
            with k.connect(self.boot) as c:
                for i in range(LOOKUPS):
                    if what == "offset":
                        one = k.i32(0) + k.i32(-1) + k.i64(pick.randrange(end)) + k.i64(-1) + k.i32(1)
                        body = (k.i32(-1) + k.i32(0) + k.i32(1) + k.i32(1) + k.i8(0) + k.i32(0) + k.i32(-1)
                                + k.array([k.string("full") + k.array([one])]) + k.i32(0) + k.string(""))
                        call = (1, 11, body)
                    else:
                        one = k.i32(0) + k.i32(-1) + k.i64(pick.randrange(began, ended))
                        call = (2, 4, k.i32(-1) + k.i8(0) + k.array([k.string("full") + k.array([one])]))
                    at = time.perf_counter()
                    c.call(*call)
                    took.append((time.perf_counter() - at) * 1e6)
            took = sorted(took[LOOKUPS // 10:])   # the first ones warm the broker up
            figures[f"by {what}, median us"] = took[len(took) // 2]
            figures[f"by {what}, p99 us"] = took[len(took) * 99 // 100]
        self.stop()
        return figures

    def flush(self, name):
        """Latency of 5,000 requests a second to a topic whose segments never, and about each second roll, beside another of 100 MB/s
        that does the same. 1 GiB a second is more than two cores can be given: segments of 1 GiB roll each second by their age, and
        full ones are as large as fills within a second."""
        self.start(name)
        self.topic("warm")
        self.latency("warm")
        figures = {}
        day = 86_400_000
        states = (("no rolls", 1 << 30, 1 << 30, day), ("1 GiB rolls", 1 << 30, 1 << 30, 1_000), ("full rolls", 1 << 20, 100_000_000, day))
        for i, (state, small, large, age) in enumerate(states):
            warm, bulk = f"warm{i}", f"bulk{i}"
            # The generator's batches are all of one time: the broker gives them its own.
            self.topic(warm, segment_bytes=small, segment_ms=age, message_timestamp_type="LogAppendTime")
            self.topic(bulk, segment_bytes=large, segment_ms=age, message_timestamp_type="LogAppendTime")
            other = self.run("produce", background=True, t=bulk, p=1, c=1, w=4, B=500_000, s=1024, a=1, d=self.args.secs + 1, r=200)
            r = self.latency(warm)
            self.result(other)
            figures[f"p99 ms, {state}"] = r["p99_us"] / 1000
            figures[f"p99.9 ms, {state}"] = r["p999_us"] / 1000
            figures[f"segments, {state}"] = self.segments(warm) + self.segments(bulk)
        for state, *_ in states[1:]:
            figures[f"p99.9, {state} / no (asked: 3)"] = figures[f"p99.9 ms, {state}"] / max(figures["p99.9 ms, no rolls"], 0.001)
        self.stop()
        return figures

    def compaction(self, name):
        """--records records of --keys keys, written without compaction; then the topic is compacted until the cleaner has been
        through all of it but the active segment."""
        self.start(name, "log.cleaner.backoff.ms=100")
        self.topic("keyed", cleanup_policy="delete", segment_bytes=16 << 20, min_cleanable_dirty_ratio="0.01")
        kgocli = os.path.join(self.args.peers, "bin", "kgocli")
        maker = subprocess.Popen(
            ["awk", f"BEGIN {{ srand(5); for (i = 0; i < {self.args.records}; i++) printf \"%d value-%d-%060d\\n\", rand() * {self.args.keys}, i, i }}"],
            stdout=subprocess.PIPE)
        subprocess.run([kgocli, "-b", self.boot, "produce", "keyed", "-f", "%k %v\\n", "-acks", "1"], stdin=maker.stdout,
                       stdout=subprocess.DEVNULL, check=True)
        maker.wait()
        before = self.log_bytes("keyed")
        cpu = self.cpu()
        began = time.monotonic()
        subprocess.run([kgocli, "-b", self.boot, "config-set", "topic", "keyed", "cleanup.policy=compact"], stdout=subprocess.DEVNULL, check=True)
        while self.cleaned("keyed") < self.active_base("keyed"):
            if time.monotonic() - began > 600:
                log("not cleaned after 600 s")
                break
            time.sleep(0.05)
        figures = {"s": time.monotonic() - began, "CPU s": self.cpu() - cpu, "bytes left %": 100 * self.log_bytes("keyed") / before}
        self.stop()
        return figures

    def cpu(self):
        return self.kwire.usage(self.kwire.tree([self.broker.pid]))["cpu"]

    def partition_files(self, topic, suffix):
        found = []
        for root, _, files in os.walk(self.data):
            if os.path.basename(root) == f"{topic}-0":
                found += [os.path.join(root, f) for f in files if f.endswith(suffix)]
        return sorted(found)

    def segments(self, topic):
        return len(self.partition_files(topic, ".log"))

    def log_bytes(self, topic):
        return sum(os.path.getsize(f) for f in self.partition_files(topic, ".log"))

    def active_base(self, topic):
        return int(os.path.basename(self.partition_files(topic, ".log")[-1])[:20])

    def cleaned(self, topic):
        """How far the checkpoint says that the topic is cleaned."""
        for root, _, files in os.walk(self.data):
            if "cleaner-offset-checkpoint" in files:
                with open(os.path.join(root, "cleaner-offset-checkpoint")) as lines:
                    for line in lines:
                        if line.startswith(f"{topic} 0 "):
                            return int(line.split()[2])
        return -1
