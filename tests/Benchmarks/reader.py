"""Reads a log at a fixed pace, as a consumer does whose network or whose work limits it, at the lowest priority: in earnest it is
on another machine. Called by storage.py.
  reader.py broker BOOTSTRAP TOPIC MB_PER_S SECONDS   fetches it, in answers of 1 MB
  reader.py files DIRECTORY TOPIC MB_PER_S SECONDS    reads its files without the broker: what such reads on this machine do to other work
"""
import glob
import os
import struct
import sys
import time

CHUNK = 1 << 20


def fetched(bootstrap, topic):
    """Sizes of answers from the start of the log on, and again from there at its end."""
    import kwire as k
    end, offset = k.offsets(bootstrap, topic)[0], 0
    with k.connect(bootstrap) as c:
        while True:
            partition = k.i32(0) + k.i32(-1) + k.i64(offset) + k.i64(-1) + k.i32(CHUNK)
            r = c.call(1, 11, k.i32(-1) + k.i32(100) + k.i32(1) + k.i32(2 * CHUNK) + k.i8(0) + k.i32(0) + k.i32(-1)
                       + k.array([k.string(topic) + k.array([partition])]) + k.i32(0) + k.string(""))
            records = records_of(r)
            at = 0
            while at + 61 <= len(records):
                base, length = struct.unpack_from(">qi", records, at)
                if at + 12 + length > len(records):
                    break   # the last batch may be cut
                offset = base + struct.unpack_from(">i", records, at + 23)[0] + 1
                at += 12 + length
            if at == 0:
                raise SystemExit("an answer without a batch")
            if offset >= end:
                offset = 0
            yield len(records)


def records_of(r):
    r.i32(), r.i16(), r.i32()              # throttle time, error, session
    r.i32(), r.string(), r.i32(), r.i32()  # one topic, one partition
    if error := r.i16():
        raise SystemExit(f"error {error}")
    r.i64(), r.i64(), r.i64()
    r.array(lambda: (r.i64(), r.i64()))
    r.i32()
    length = r.i32()
    return memoryview(r.data)[r.at:r.at + length]


def read(directory, topic):
    """Sizes of reads of the topic's files, one after the other."""
    buffer = bytearray(CHUNK)
    while True:
        for name in sorted(glob.glob(f"{directory}/**/{topic}-0/*.log", recursive=True)):
            with open(name, "rb", buffering=0) as file:
                while n := file.readinto(buffer):
                    yield n


def main():
    how, where, topic, rate, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]) * 1e6, float(sys.argv[5])
    os.nice(40)
    sizes, got, began = fetched(where, topic) if how == "broker" else read(where, topic), 0, time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        if got / rate > now:
            time.sleep(got / rate - now)
        got += next(sizes)
    print(got / seconds / 1e6)


if __name__ == "__main__":
    main()
