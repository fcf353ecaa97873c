"""Three brokers of this host beside three brokers of Apache Kafka 4.3.1, every topic with three replicas.

Called by `./bench cluster`. Each row runs on both and prints both with their ratio.
  acks16    produce with acks=all, 16 KB batches of 1 KiB records: 3 connections, 5 requests under way; CPU of all brokers
  acks1m    the same in batches of 1 MB
  acks5k    5,000 requests a second of 100 B with acks=all: latency and CPU
  failover  --partitions led by each broker, each broker a process of its own; one is killed with -9: until every partition has a leader
            again, and until every one of them takes a record; the session timeout (--session seconds) is the same on both
  stop      Debian's librdkafka (python3-confluent-kafka) with acks=all at 2,000 records a second while a broker is stopped with SIGTERM: errors, and latency before
            and in the 15 s that begin with it
  move      --gb GB are moved to the third broker by kafka-reassign-partitions with a throttle of --throttle MB/s, under load: the rate by
            tenths of the way, from the second to the ninth, as parts of the throttle
"""
import argparse
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from compare import HOST, KAFKA, OURS, Bench, go_first, log, median_of, wait_for

ROWS = ["acks16", "acks1m", "acks5k", "failover", "stop", "move"]
PORT = 29692
ZOOKEEPER = PORT + 60
WARM, STEADY = 10, 15   # seconds of the row `stop`: before anything counts; before the stop, and from it on


class Cluster:
    def __init__(self, args):
        self.args = args
        self.bench = Bench(argparse.Namespace(peers=args.peers, rows=[]))
        sys.path.insert(0, self.bench.load)
        import kwire
        self.kwire = kwire
        self.kload = os.path.join(self.bench.work, "kload")
        subprocess.run(["gcc", "-O2", "-o", self.kload, os.path.join(self.bench.load, "kload.c"), "-lm"], check=True)
        self.processes = []
        self.boot = ",".join(f"127.0.0.1:{PORT + i}" for i in range(3))
        self.data = os.path.join(self.bench.work, "data")

    def spawn(self, command, log_name):
        with open(os.path.join(self.bench.work, f"{log_name}.log"), "ab") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.processes.append(process)
        return process

    def start(self, name, *overrides, hosts=1):
        """Returns the process id of each broker, as far as each has one."""
        if name == KAFKA:
            session = [f"broker.session.timeout.ms={self.args.session * 1000}", "log.segment.delete.delay.ms=1000"]
            cluster = self.spawn([os.path.join(self.args.peers, "bin", "kafka-cluster"), self.data, str(PORT), "3", *session, *overrides], name)
            ports, pids = [PORT, PORT + 1, PORT + 2], None
        else:
            common = [f"zookeeper.session.timeout.ms={self.args.session * 1000}", "log.segment.delete.delay.ms=1000", *overrides]
            if hosts == 1:
                cluster = self.spawn([HOST, "--brokers", "3", "--port", str(PORT), "--http", f"http://127.0.0.1:{PORT + 50}", "--data-dir",
                                      self.data, *(a for o in common for a in ("--override", o))], name)
            else:
                zookeeper = self.spawn([os.path.join(self.args.peers, "bin", "zookeeper"), "3.9", os.path.join(self.data, "zk"),
                                        str(ZOOKEEPER)], "zookeeper")
                wait_for(ZOOKEEPER, zookeeper)
                pids = []
                for i in range(3):
                    own = [*common, f"broker.id={i}", f"zookeeper.connect=127.0.0.1:{ZOOKEEPER}/bench"]
                    pids.append(self.spawn(
                        [HOST, "--brokers", "1", "--port", str(PORT + i), "--http", f"http://127.0.0.1:{PORT + 50 + i}", "--data-dir",
                         os.path.join(self.data, str(i)), *(a for o in own for a in ("--override", o))], f"{name}-{i}").pid)
            ports = [PORT, PORT + 1, PORT + 2]
        for i, port in enumerate(ports):
            wait_for(port, self.processes[-1 if hosts == 1 or name == KAFKA else i - 3])
        self.until(lambda: all(len(self.metadata([], broker=i)[0]) == 3 for i in range(3)), "three brokers")
        if name == KAFKA:
            pids = [int(open(os.path.join(self.data, str(i), "pid")).read()) for i in (1, 2, 3)]
        return pids if name == KAFKA or hosts > 1 else [cluster.pid]

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
        self.processes = []
        shutil.rmtree(self.data, ignore_errors=True)

    def metadata(self, topics, broker=None):
        with (self.kwire.connect(self.boot) if broker is None else self.kwire.Conn("127.0.0.1", PORT + broker)) as c:
            return self.kwire.metadata(c, topics)

    @staticmethod
    def until(holds, what, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if holds():
                    return time.monotonic()
            except (OSError, KeyError):
                pass
            time.sleep(0.01)
        raise SystemExit(f"not within {seconds} s: {what}")

    def load(self, pids, **options):
        command = [self.kload, "produce", "-b", self.boot]
        for key, value in options.items():
            command += [f"-{key}", str(value)]
        before = sum(self.kwire.tree(pids).values())
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
        cpu = sum(self.kwire.tree(pids).values()) - before
        r = json.loads(out.strip().splitlines()[-1])
        if r.get("errors"):
            log(f"errors: {r['errors']}")
        return r, cpu

    def throughput(self, name, batch):
        pids = self.start(name)
        rounds = []
        for n in range(self.args.rounds + 1):
            topic = f"acks{n}"
            self.kwire.create_topic(self.boot, topic, 3, rf=3)
            seconds = self.args.secs if n > 0 else self.args.warm
            r, cpu = self.load(pids, t=topic, p=3, c=3, w=5, B=batch, s=1024, a=-1, d=seconds)
            self.kwire.delete_topics(self.boot, [topic])
            if n > 0:   # the first warms both up
                gb = r["bytes"] / 1e9
                rounds.append({"MB/s": r["bytes"] / r["seconds"] / 1e6, "CPU s/GB": cpu / gb, "MB per CPU s": gb * 1000 / cpu,
                               "p99 ms": r["p99_us"] / 1000, "errors": errors(r)})
        self.stop()
        return median_of(rounds)

    def acks16(self, name):
        return self.throughput(name, 16384)

    def acks1m(self, name):
        return self.throughput(name, 1000000)

    def acks5k(self, name):
        pids = self.start(name)
        self.kwire.create_topic(self.boot, "small", 3, rf=3)
        options = dict(t="small", p=3, c=6, w=100, B=1, s=100, a=-1, r=5000)
        self.load(pids, d=self.args.warm, **options)
        rounds = []
        for _ in range(self.args.rounds):
            r, cpu = self.load(pids, d=self.args.secs, **options)
            rounds.append({"p50 ms": r["p50_us"] / 1000, "p99 ms": r["p99_us"] / 1000, "p99.9 ms": r["p999_us"] / 1000,
                           "CPU us/req": cpu / r["requests"] * 1e6, "errors": errors(r)})
        self.stop()
        return median_of(rounds)

    def failover(self, name):
        pids = self.start(name, hosts=3)
        partitions = 3 * self.args.partitions
        self.kwire.create_topic(self.boot, "many", partitions, rf=3)
        time.sleep(5)
        victim = 2   # on Kafka the first broker is the only controller as well
        brokers = self.metadata([], broker=0)[0]
        dead = next(i for i, (_, port) in brokers.items() if port == PORT + victim)
        led = [p for p, (_, leader) in self.metadata(["many"], broker=0)[2]["many"][1].items() if leader == dead]
        os.kill(pids[victim], signal.SIGKILL)
        began = time.monotonic()

        def elected():
            parts = self.metadata(["many"], broker=0)[2]["many"][1]
            return all(parts[p][1] not in (dead, -1) for p in led)
        leaders = self.until(elected, "leaders") - began
        written = self.write(led) - began
        self.stop()
        return {"partitions": len(led), "leaders s": leaders, "written s": written}

    def stop_one(self, name):
        pids = self.start(name, hosts=3)
        self.kwire.create_topic(self.boot, "steady", 12, rf=3, configs={"min.insync.replicas": "2"})
        time.sleep(2)
        producer = subprocess.Popen(["/usr/bin/python3", os.path.abspath(__file__), "--peers", self.args.peers, "--client", self.boot],
                                    stdout=subprocess.PIPE, text=True)
        time.sleep(WARM + STEADY)
        began = time.monotonic()
        os.kill(pids[2], signal.SIGTERM)
        while os.path.exists(f"/proc/{pids[2]}") and open(f"/proc/{pids[2]}/stat").read().rsplit(")", 1)[1].split()[0] != "Z":
            time.sleep(0.01)
        ended = time.monotonic()
        lines = [line.split(" ") for line in producer.communicate()[0].splitlines()]
        before = sorted(float(took) for at, took, _ in lines if began - STEADY < float(at) < began - 0.5)
        after = sorted(float(took) for at, took, _ in lines if began - 0.1 < float(at) < began + STEADY)
        self.stop()
        return {"errors": sum(1 for line in lines if line[2]), "stop s": ended - began,
                "p99.9 ms before": before[int(len(before) * 0.999)] * 1000, "p99.9 ms while": after[int(len(after) * 0.999)] * 1000,
                "p99 ms while": after[int(len(after) * 0.99)] * 1000, "max ms while": after[-1] * 1000}

    def move(self, name):
        pids = self.start(name)
        ids = sorted(self.metadata([], broker=0)[0])
        self.tool("topics", "--create", "--topic", "big", "--replica-assignment", ",".join(5 * [f"{ids[0]}:{ids[1]}"]))

        def size(broker):
            parts = glob.glob(os.path.join(self.data, *(["*", "data"] if name == KAFKA else ["broker-*"]), "big-*", "*.log"))
            mine = os.sep + (str(broker) if name == KAFKA else f"broker-{broker}") + os.sep
            return sum(os.path.getsize(p) for p in parts if mine in p[len(self.data):])
        while size(ids[0]) < self.args.gb * 1e9:
            self.load(pids, t="big", p=5, c=3, w=5, B=1000000, s=10000, a=-1, d=2)
        load = subprocess.Popen([self.kload, "produce", "-b", self.boot, "-t", "big", "-p", "5", "-c", "1", "-w", "5", "-B", "1", "-s", "1000",
                                 "-a", "-1", "-r", "500", "-d", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        plan = os.path.join(self.bench.work, "plan.json")
        with open(plan, "w", encoding="utf-8") as out:
            json.dump({"version": 1, "partitions": [{"topic": "big", "partition": p, "replicas": [ids[2], ids[1]]} for p in range(5)]}, out)
        throttle = self.args.throttle * 1e6
        self.tool("reassign-partitions", "--execute", "--reassignment-json-file", plan, "--throttle", str(int(throttle)))
        marks, whole = [], size(ids[0])
        self.until(lambda: marks.append((time.monotonic(), size(ids[2]))) or marks[-1][1] >= 0.95 * whole, "moved", 600)
        load.kill()
        load.wait()
        self.stop()
        tenths = [next(m for m in marks if m[1] >= whole * n / 10) for n in range(1, 10)]
        rates = [(b[1] - a[1]) / (b[0] - a[0]) / throttle for a, b in zip(tenths, tenths[1:])]
        (began, first), (ended, last) = tenths[0], tenths[-1]
        return {"of throttle": (last - first) / (ended - began) / throttle, "least": min(rates), "most": max(rates)}

    def tool(self, tool, *options):
        subprocess.run([os.path.join(self.args.peers, "bin", "kafka"), "4.3", tool, "--bootstrap-server", self.boot, *options],
                       stdout=subprocess.DEVNULL, check=True)

    def write(self, partitions):
        """Until each of these partitions took a record with acks=all."""
        batch = self.kwire.one_record(b"x")
        todo = set(partitions)
        end = time.monotonic() + 120
        while todo and time.monotonic() < end:
            brokers, _, topics = self.metadata(["many"], broker=0)
            by_leader = {}
            for p in todo:
                by_leader.setdefault(topics["many"][1][p][1], []).append(p)
            for leader, mine in by_leader.items():
                if leader in brokers:
                    try:
                        with self.kwire.Conn(*brokers[leader]) as c:
                            todo -= self.produce(c, mine, batch)
                    except OSError:
                        pass
        if todo:
            raise SystemExit(f"{len(todo)} partitions took no record")
        return time.monotonic()

    def produce(self, conn, partitions, batch):
        k = self.kwire
        entries = k.array(k.i32(p) + k.i32(len(batch)) + batch for p in partitions)
        r = conn.call(k.PRODUCE, 7, k.i16(-1) + k.i16(-1) + k.i32(20000) + k.array([k.string("many") + entries]))
        done = set()
        for _ in range(r.i32()):
            r.string()
            for _ in range(r.i32()):
                p, err = r.i32(), r.i16()
                r.i64()
                r.i64()
                r.i64()
                if err == 0:
                    done.add(p)
        return done


def client(boot, topic, seconds):
    """Produces and prints a line each: when the record was sent, how long its acknowledgement took (s), error or nothing."""
    from confluent_kafka import Producer
    out = []

    def report(at):
        return lambda error, message: out.append((at, time.monotonic() - at, error.name() if error else ""))
    producer = Producer({"bootstrap.servers": boot, "acks": "all", "linger.ms": 0, "enable.idempotence": True,
                         "topic.metadata.refresh.interval.ms": 60000})
    began, n = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        producer.poll(0)
        while n < (time.monotonic() - began) * 2000:
            producer.produce(topic, b"x" * 100, partition=n % 12, on_delivery=report(time.monotonic()))
            n += 1
        time.sleep(0.0005)
    producer.flush(60)
    for line in out:
        print("%.6f %.6f %s" % line)


def errors(r):
    e = r.get("errors") or 0
    return e if isinstance(e, int) else len(e)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--rows", default="")
    parser.add_argument("--secs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm", type=int, default=20, help="seconds of load before the first that counts")
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--session", type=int, default=6)
    parser.add_argument("--gb", type=float, default=2)
    parser.add_argument("--throttle", type=int, default=60)
    parser.add_argument("--only", choices=[OURS, KAFKA])
    parser.add_argument("--out", default="")
    parser.add_argument("--client", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.client:
        client(args.client, "steady", WARM + 2 * STEADY + 2)
        return
    go_first()
    rows = [r for r in args.rows.split(",") if r] or ROWS
    results = {}
    for row in rows:
        for name in [args.only] if args.only else [OURS, KAFKA]:
            cluster = Cluster(args)
            try:
                results.setdefault(row, {})[name] = getattr(cluster, "stop_one" if row == "stop" else row)(name)
            finally:
                cluster.stop()
                shutil.rmtree(cluster.bench.work, ignore_errors=True)
            log(f"{row} {name}: {results[row][name]}")
    print(f"{'row':9}{'figure':16}{OURS:>13}{KAFKA:>13}{'ratio':>9}")
    for row, both in results.items():
        for figure, ours in both.get(OURS, {}).items():
            theirs = both.get(KAFKA, {}).get(figure)
            ratio = f"{ours / theirs:9.3f}" if theirs else ""
            print(f"{row:9}{figure:16}{ours:13.3f}{theirs if theirs is not None else float('nan'):13.3f}{ratio}")
    if args.out:
        with open(args.out, "w", encoding="utf-8") as out:
            json.dump(results, out, indent=1)


if __name__ == "__main__":
    main()
