"""Runs the same work on this broker and on Apache Kafka and prints both, their ratio and what is asked of it.

Called by ./bench. Rows of perf.py (throughput, latency, CPU) and: start (exec to the first acknowledged record, memory and CPU at
rest), parts (10,000 partitions). Errors, and a log whose end differs from what was acknowledged, make a row fail.
"""
import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HOST = "src/Broker.Host/bin/Release/net10.0/Broker.Host"
OURS, KAFKA = "wheelhouse", "kafka-4.3.1"
PERF = ["p1k16", "p1k1m", "p100", "pall", "raw16", "raw1m", "small", "lat5k", "peak55k", "conns", "idle1k", "fetch1m", "crd", "tail",
        "lz4", "zstd", "jprod", "jcons"]
EXTRA = ["start", "parts"]

# What is asked: figure -> (bound, is it of the ratio to Kafka or absolute, at least or at most)
AT_LEAST, AT_MOST = "at least", "at most"
ASKED = {
    "p1k16": {"MB/s": (4, "x", AT_LEAST), "CPU s/GB": (1 / 5, "x", AT_MOST)},
    "p1k1m": {"MB/s": (1.5, "x", AT_LEAST), "CPU s/GB": (1 / 2, "x", AT_MOST)},
    "p100": {"MB/s": (1.2, "x", AT_LEAST), "CPU s/GB": (1 / 4, "x", AT_MOST)},
    "pall": {"MB/s": (4, "x", AT_LEAST), "CPU s/GB": (1 / 5, "x", AT_MOST)},
    "raw16": {"MB/s": (3, "x", AT_LEAST), "CPU us/req": (1 / 4, "x", AT_MOST), "p99 ms": (1 / 4, "x", AT_MOST)},
    "raw1m": {"MB/s": (1.4, "x", AT_LEAST), "CPU s/GB": (0.6, "x", AT_MOST), "p99 ms": (1 / 4, "x", AT_MOST)},
    "small": {"req/s": (4, "x", AT_LEAST), "CPU us/req": (1 / 5, "x", AT_MOST)},
    "lat5k": {"CPU us/req": (1 / 4, "x", AT_MOST), "p99 ms": (1 / 20, "x", AT_MOST), "p99.9 ms": (1 / 10, "x", AT_MOST)},
    "peak55k": {"req/s": (54_900, "", AT_LEAST), "p99 ms": (5, "", AT_MOST), "cores": (0.6, "", AT_MOST)},
    "conns": {"CPU us/req": (1 / 4, "x", AT_MOST), "p99 ms": (1 / 10, "x", AT_MOST)},
    "idle1k": {"cores": (1 / 10, "x", AT_MOST), "KiB/connection": (10, "", AT_MOST)},
    "fetch1m": {"MB/s": (1.2, "x", AT_LEAST), "CPU s/GB": (0.75, "x", AT_MOST)},
    "crd": {"MB/s": (1.3, "x", AT_LEAST), "CPU s/GB": (1 / 3, "x", AT_MOST)},
    "tail": {"CPU us/req": (1 / 5, "x", AT_MOST), "p50 ms": (1 / 2, "x", AT_MOST), "p99 ms": (1 / 10, "x", AT_MOST)},
    "lz4": {"CPU s/GB": (1, "x", AT_MOST)},
    "zstd": {"CPU s/GB": (1, "x", AT_MOST)},
    "jprod": {"MB/s": (1.5, "x", AT_LEAST), "CPU s/GB": (1 / 3, "x", AT_MOST)},
    "jcons": {"MB/s": (1.5, "x", AT_LEAST), "CPU s/GB": (1 / 3, "x", AT_MOST)},
    "start": {"first ack ms": (1 / 10, "x", AT_MOST), "RSS MiB": (1 / 5, "x", AT_MOST), "rest CPU %": (0.3, "", AT_MOST)},
    "parts": {"created s": (1 / 10, "x", AT_MOST), "served s": (1 / 10, "x", AT_MOST), "CPU s": (1 / 10, "x", AT_MOST),
              "rest CPU %": (1 / 10, "x", AT_MOST)},
}


def log(text):
    print(text, file=sys.stderr, flush=True)


def go_first():
    """Both brokers and the client alike are served before other work of the machine."""
    try:
        os.nice(-15)
    except PermissionError:
        log("not niced: other work on this machine shows in the latencies")


def wait_for(port, process, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"the broker on {port} ended with {process.returncode}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nobody listens on {port}")


class Bench:
    def __init__(self, args):
        self.args = args
        self.load = os.path.join(args.peers, "load")
        self.work = tempfile.mkdtemp(prefix="bench-")
        self.results = {OURS: {}, KAFKA: {}}

    def command(self, name, port):
        data = os.path.join(self.work, f"{name}-{port}")
        if name == OURS:
            return [HOST, "--brokers", "1", "--port", str(port), "--http", f"http://127.0.0.1:{port + 5}", "--data-dir", data,
                    "--override", "log.segment.delete.delay.ms=1000"], data
        return [os.path.join(self.args.peers, "bin", "kafka-kraft"), data, str(port), "log.segment.delete.delay.ms=1000"], data

    def run(self, name):
        wanted = self.args.rows
        perf = [r for r in PERF if r in wanted]
        if perf or "parts" in wanted:
            command, data = self.command(name, 29192)
            with open(os.path.join(self.work, f"{name}.log"), "wb") as out:
                broker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            try:
                wait_for(29192, broker)
                time.sleep(3)
                if perf:
                    self.perf(name, broker.pid, perf, data)
                if "parts" in wanted:
                    self.parts(name, broker.pid)
            finally:
                broker.send_signal(signal.SIGTERM)
                broker.wait(60)
                shutil.rmtree(data, ignore_errors=True)
        if "start" in wanted:
            self.start(name)

    def perf(self, name, pid, rows, data):
        results = os.path.join(self.work, f"{name}.jsonl")
        command = [sys.executable, f"{self.load}/perf.py", "--name", name, "--bootstrap", "127.0.0.1:29192", "--pid", str(pid), "--rdkafka",
                   os.path.join(self.args.peers, "bin", "rdkafka_performance"), "--out", results, "--rows", ",".join(rows), "--secs",
                   str(self.args.secs), "--rounds", str(self.args.rounds), "--data-dir", data, "--delete-delay", "2"]
        if "jprod" in rows or "jcons" in rows:
            command += ["--java", "--kafka", f"{self.args.peers}/bin/kafka 4.3"]
        subprocess.run(command, stdout=sys.stderr, check=False)
        by_row = {}
        with open(results) as lines:
            for line in lines:
                r = json.loads(line)
                by_row.setdefault(r["row"], []).append(r)
        for row, rounds in by_row.items():
            self.results[name][row] = median_of([figures(r) for r in rounds])

    def start(self, name):
        command, data = self.command(name, 29392)
        if name == KAFKA:   # formatting the disk is not part of the start: this run does it
            broker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            wait_for(29392, broker)
            broker.send_signal(signal.SIGTERM)
            broker.wait(60)
        run = subprocess.run(
            [sys.executable, f"{self.load}/start.py", "--cmd", " ".join(command), "--port", "29392", "--n", str(max(3, self.args.rounds)),
             "--name", name, *(["--wipe", data] if name == OURS else [])], stdout=subprocess.PIPE, text=True, check=False)
        m = json.loads(run.stdout.strip().splitlines()[-1])["median"]
        self.results[name]["start"] = {"first ack ms": m["ack_ms"], "listening ms": m["listen_ms"], "CPU s": m["cpu_s"],
                                       "RSS MiB": m["rss_mib"], "rest CPU %": m["idle_cpu_pct"]}

    def parts(self, name, pid):
        run = subprocess.run(
            [sys.executable, f"{self.load}/parts.py", "--bootstrap", "127.0.0.1:29192", "--pid", str(pid), "--count",
             str(self.args.partitions)], stdout=subprocess.PIPE, text=True, check=False)
        r = json.loads(run.stdout.strip().splitlines()[-1])
        self.results[name]["parts"] = {"created s": r.get("create_s"), "served s": r.get("ready_s"), "CPU s": r.get("create_cpu_s"),
                                       "RSS MiB": r.get("rss_mib"), "metadata ms": r.get("metadata_all_ms"), "deleted s": r.get("delete_s"),
                                       "rest CPU %": r.get("idle_cpu_pct"), "errors": 1 if r.get("error") else 0}


def figures(r):
    seconds = r.get("seconds") or 0
    errors = r.get("errors") or 0
    f = {"errors": errors if isinstance(errors, int) else len(errors)}
    if not seconds:
        return f
    if r.get("row") == "idle1k":
        connections = max(1, r.get("conns") or 1000)
        f["KiB/connection"] = max(0, r.get("rss_growth_mib") or 0) * 1024 / connections
    elif r.get("requests"):
        f["req/s"] = r["requests"] / seconds
    if r.get("bytes"):
        f["MB/s"] = r["bytes"] / seconds / 1e6
    f["CPU us/req"] = r.get("cpu_us_per_req")
    f["CPU s/GB"] = r.get("cpu_s_per_gb")
    f["cores"] = r.get("broker_cores")
    for key, name in (("p50_us", "p50 ms"), ("p99_us", "p99 ms"), ("p999_us", "p99.9 ms")):
        if r.get(key) is not None:
            f[name] = r[key] / 1000
    f["other CPU s"] = r.get("other_cpu_s")
    return {k: v for k, v in f.items() if v is not None}


def median_of(rounds):
    keys = dict.fromkeys(k for r in rounds for k in r)
    out = {}
    for key in keys:
        values = sorted(r[key] for r in rounds if key in r)
        out[key] = max(values) if key == "errors" else values[len(values) // 2]
    return out


def verdict(row, figure, ours, theirs):
    asked = ASKED.get(row, {}).get(figure)
    if asked is None:
        return "", True
    bound, unit, side = asked
    value = ours if unit == "" else (ours / theirs if theirs else None)
    text = f"{side} {bound:.3g}{unit}"
    if value is None:
        return text, True
    good = value >= bound if side == AT_LEAST else value <= bound
    return text + (" ok" if good else " MISSED"), good


def show(results, rows):
    missed = 0
    print(f"{'row':9}{'figure':16}{OURS:>13}{KAFKA:>13}{'ratio':>9}  asked")
    for row in rows:
        ours, theirs = results[OURS].get(row, {}), results[KAFKA].get(row, {})
        for figure, value in ours.items():
            if value is None or (figure == "errors" and not value and not theirs.get("errors")):
                continue
            other = theirs.get(figure)
            text, good = verdict(row, figure, value, other)
            missed += not good
            ratio = f"{value / other:9.3f}" if other else f"{'':9}"
            print(f"{row:9}{figure:16}{value:13.3f}{other if other is not None else float('nan'):13.3f}{ratio}  {text}")
    print(f"{missed} missed")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--peers", required=True)
    p.add_argument("--rows", default="")
    p.add_argument("--secs", type=float, default=4)
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--partitions", type=int, default=10_000)
    p.add_argument("--out", default="")
    args = p.parse_args()
    args.peers = os.path.abspath(args.peers)
    args.rows = [r for r in args.rows.split(",") if r] or PERF + EXTRA
    unknown = [r for r in args.rows if r not in PERF + EXTRA]
    if unknown:
        p.error(f"unknown rows {', '.join(unknown)}; there are {', '.join(PERF + EXTRA)}")
    go_first()
    bench = Bench(args)
    try:
        for name in [OURS] + ([KAFKA] if os.access(os.path.join(args.peers, "bin", "kafka-kraft"), os.X_OK) else []):
            log(f"== {name}")
            bench.run(name)
    finally:
        shutil.rmtree(bench.work, ignore_errors=True)
    show(bench.results, args.rows)
    if args.out:
        with open(args.out, "w") as out:
            json.dump(bench.results, out, indent=1)


if __name__ == "__main__":
    main()
