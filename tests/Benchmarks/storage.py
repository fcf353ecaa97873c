"""What the log does: append, read, look-ups, cold reads beside warm ones, segments that roll, recovery, compaction, many partitions.

Called by `./bench storage`. Each row runs on this broker and on Apache Kafka 4.3.1 and prints both with their ratio. By default a
row takes a minute or two; --full takes 10 GB and 10 million records.
  append    throughput of produce, batches of 1 MB and 16 KB
  read      throughput of fetch from the page cache
  lookup    one record by a random offset, and by a random time
  flush     latency of 5,000 requests a second while no, and while all segments roll each second
  compaction  --records records of --keys keys, until the cleaner has been through them
  cold      latency of 5,000 requests a second, and of a consumer at the tail: alone, with a consumer of old records that are in the
            page cache, and with one of records that are not; and what such reads do that are not the broker's
  roll      latency of 5,000 requests a second while another topic takes 200 MB/s in segments that never, and that often roll
  recovery  start after kill -9 with --gb of records in one unflushed segment size, until the last one is served
  open      start with --partitions partitions after a clean stop, until all are served; memory and CPU at rest
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from compare import KAFKA, OURS, Bench, go_first, log, median_of, wait_for
from storage_log import LogRows

SERVED_SECS_MAX = 300   # a broker that does not serve by then does not
PACE = 100              # MB/s of a reader that is limited
ROWS = ["append", "read", "lookup", "cold", "roll", "flush", "recovery", "compaction", "open"]


class Storage(LogRows):
    def __init__(self, args):
        self.args = args
        self.boot = f"127.0.0.1:{args.port}"
        self.bench = Bench(argparse.Namespace(peers=args.peers, rows=[]))
        sys.path.insert(0, self.bench.load)
        import kwire
        self.kwire = kwire
        self.kload = os.path.join(self.bench.work, "kload")
        subprocess.run(["gcc", "-O2", "-o", self.kload, os.path.join(self.bench.load, "kload.c"), "-lm"], check=True)
        self.data = ""
        self.broker = None

    def start(self, name, *overrides):
        command, self.data = self.bench.command(name, self.args.port)
        for o in overrides:
            command += [o] if name == KAFKA else ["--override", o]
        began = time.monotonic()
        with open(os.path.join(self.bench.work, f"{name}.log"), "ab") as out:
            self.broker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_for(self.args.port, self.broker)
        return began

    def stop(self, how=signal.SIGTERM, wipe=True):
        self.broker.send_signal(how)
        self.broker.wait(120)
        if wipe:
            shutil.rmtree(self.data, ignore_errors=True)

    def topic(self, name, partitions=1, **configs):
        configs = {k.replace("_", "."): str(v) for k, v in configs.items()} or None
        for attempt in range(100):   # a broker that has just started may not have registered yet
            try:
                return self.kwire.create_topic(self.boot, name, partitions, configs=configs)
            except self.kwire.KafkaError:
                if attempt == 99:
                    raise
                time.sleep(0.1)

    def run(self, mode, background=False, **options):
        command = [self.kload, mode, "-b", self.boot]
        for key, value in options.items():
            command += [f"-{key}"] if value is True else [f"-{key}", str(value)]
        if background:   # the load beside is another machine's in earnest: it shall not take this one's time from the measured clients
            command = ["nice", "-n", "30", *command]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return process if background else self.result(process)

    @staticmethod
    def result(process):
        out, _ = process.communicate()
        if process.returncode and not out:
            raise SystemExit(f"{process.args[0]} ended with {process.returncode}")
        r = json.loads(out.strip().splitlines()[-1])
        if isinstance(r, float):
            return r
        if r.get("errors"):
            log(f"errors: {r['errors']}")
        return r

    def latency(self, topic):
        return self.run("produce", t=topic, p=1, c=5, w=100, B=1, s=100, a=1, d=self.args.secs, r=5000)

    def fill(self, topic, gigabytes):
        self.run("produce", t=topic, p=1, c=3, w=5, B=1000000, s=1024, a=1, d=600, n=int(gigabytes * 1000))

    def evict(self, topic):
        os.sync()
        for root, _, files in os.walk(self.data):
            if os.path.basename(root).startswith(topic + "-"):
                for file in files:
                    fd = os.open(os.path.join(root, file), os.O_RDONLY)
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                    os.close(fd)

    def cold(self, name):
        """Old records are read by two connections as fast as they can, which on two cores leaves no core to the measured clients
        whether they come from memory or not; and at a pace. The files are also read at that pace without the broker: what is left
        between that and the broker's cold reads is the broker's. Latencies of a phase from which a hypervisor took processor time
        are the machine's."""
        self.start(name)
        self.topic("old", segment_bytes=256 << 20)
        self.topic("warm")
        self.fill("old", 3)
        self.latency("warm")
        fast, pace = "as fast as can be", f"at {PACE} MB/s"
        states = (("alone", None, None), (f"reads from memory {pace}", "broker", pace), (f"cold reads {pace}", "broker", pace),
                  (f"cold reads {pace}, not by the broker", "files", pace), (f"reads from memory {fast}", "broker", fast),
                  (f"cold reads {fast}", "broker", fast))
        figures = {}
        for state, whose, speed in states:
            for what in ("produce", "tail"):
                if "cold" in state:
                    self.evict("old")
                stolen = self.stolen()
                reader = whose and (self.paced(whose) if speed == pace
                                    else self.run("fetch", background=True, t="old", p=1, c=2, m=1 << 20, d=self.args.secs + 1))
                if what == "tail":
                    self.topic(tail := f"tail{len(figures)}")
                    r = self.run("tail", t=tail, p=1, r=1000, s=100, d=self.args.secs)
                else:
                    r = self.latency("warm")
                figures[f"{what} p99 ms, {state}"] = r["p99_us"] / 1000
                figures[f"  CPU ms stolen in that time, {what}, {state}"] = self.stolen() - stolen
                if reader:
                    self.result(reader)
        self.stop()
        return figures

    @staticmethod
    def stolen():
        """ms that a hypervisor gave to others while a processor of this machine wanted to run."""
        with open("/proc/stat") as stat:
            return int(stat.readline().split()[8]) * 1000 / os.sysconf("SC_CLK_TCK")

    def paced(self, whose):
        return subprocess.Popen(
            [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "reader.py"), whose,
             self.boot if whose == "broker" else self.data, "old", str(PACE), str(self.args.secs + 1)],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": self.bench.load})

    def roll(self, name):
        self.start(name)
        self.topic("warm")
        self.latency("warm")
        figures = {}
        for state, size in (("no rolls", 1 << 30), ("rolls", 32 << 20)):
            topic = f"bulk{size}"
            self.topic(topic, segment_bytes=size)
            bulk = self.run("produce", background=True, t=topic, p=1, c=1, w=4, B=500000, s=1024, a=1, d=self.args.secs + 1, r=400)
            r = self.latency("warm")
            self.result(bulk)
            figures[f"p99 ms, {state}"] = r["p99_us"] / 1000
            figures[f"p99.9 ms, {state}"] = r["p999_us"] / 1000
        self.stop()
        return figures

    def recovery(self, name):
        self.start(name, "log.segment.bytes=1073741824")
        self.topic("big")
        self.fill("big", self.args.gb)
        end = self.kwire.offsets(self.boot, "big")
        self.stop(signal.SIGKILL, wipe=False)
        os.sync()
        began = self.start(name, "log.segment.bytes=1073741824")
        self.until_served(["big"])
        took = time.monotonic() - began
        same = self.kwire.offsets(self.boot, "big") == end
        cpu = self.kwire.usage(self.kwire.tree([self.broker.pid]))["cpu"]
        self.stop()
        return {"served s": took, "CPU s": cpu, "errors": 0 if same else 1}

    def open(self, name):
        self.start(name)
        names = [f"many{i}" for i in range(self.args.partitions // 100)]
        for n in names:
            self.topic(n, 100)
        self.until_served(names)
        self.stop(wipe=False)
        began = self.start(name)
        self.until_served(names)
        took = time.monotonic() - began
        tree = self.kwire.tree([self.broker.pid])
        cpu = self.kwire.usage(tree)["cpu"]
        time.sleep(5)
        before = self.kwire.usage(tree)
        time.sleep(15)
        after = self.kwire.usage(tree)
        self.stop()
        return {"served s": took, "CPU s": cpu, "RSS MiB": after["rss"], "rest CPU %": (after["cpu"] - before["cpu"]) / 15 * 100}

    def until_served(self, names):
        deadline = time.monotonic() + SERVED_SECS_MAX
        for n in names:
            while True:
                try:
                    self.kwire.offsets(self.boot, n)
                    break
                except (self.kwire.KafkaError, OSError, KeyError):   # KeyError: a leader that has not registered yet
                    if self.broker.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peers", required=True)
    p.add_argument("--rows", default="")
    p.add_argument("--secs", type=float, default=5)
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--gb", type=float, default=2)
    p.add_argument("--records", type=int, default=1_000_000)
    p.add_argument("--keys", type=int, default=100_000)
    p.add_argument("--full", action="store_true", help="10 GB to recover, 10 million records of a million keys to compact")
    p.add_argument("--port", type=int, default=29592)
    p.add_argument("--partitions", type=int, default=10_000)
    p.add_argument("--out", default="")
    args = p.parse_args()
    if args.full:
        args.gb, args.records, args.keys = 10, 10_000_000, 1_000_000
    args.peers = os.path.abspath(args.peers)
    rows = [r for r in args.rows.split(",") if r] or ROWS
    if unknown := [r for r in rows if r not in ROWS]:
        p.error(f"unknown rows {', '.join(unknown)}; there are {', '.join(ROWS)}")
    go_first()
    storage = Storage(args)
    names = [OURS] + ([KAFKA] if os.access(os.path.join(args.peers, "bin", "kafka-kraft"), os.X_OK) else [])
    results = {name: {} for name in (OURS, KAFKA)}
    try:
        for row in rows:
            for name in names:
                began = time.monotonic()
                results[name][row] = median_of([getattr(storage, row)(name) for _ in range(args.rounds)])
                log(f"== {row} {name}: {time.monotonic() - began:.0f} s")
    finally:
        if storage.broker and storage.broker.poll() is None:
            storage.stop(signal.SIGKILL)
        shutil.rmtree(storage.bench.work, ignore_errors=True)
    print(f"{'row':12}{'figure':54}{OURS:>12}{KAFKA:>14}{'ratio':>9}")
    for row in rows:
        for figure, value in results[OURS][row].items():
            other = results[KAFKA].get(row, {}).get(figure)
            text = f"{other:14.3f}{value / other if other else float('nan'):9.3f}" if other is not None else ""
            print(f"{row:12}{figure:54}{value:12.3f}{text}")
    if args.out:
        with open(args.out, "w") as out:
            json.dump(results, out, indent=1)


if __name__ == "__main__":
    main()
