#!/usr/bin/env python3
"""What a spool has accepted arrives, whatever becomes of either side.

    tests/receivers/loss.py PORTCULLIS [--sinks unix,syslog-tcp,syslog-tls,elastic,splunk-hec,loki,ndjson,kafka] [--events 1000000] [--seed 1]

For each sink: Portcullis plays a capture that is made here, again and again, into a sink on loopback, and is killed with -9 five times, while its
receiver is killed, stopped, started again and refuses. A receiver keeps what it has read before it answers. Once so many events were accepted, a last
run sends what is left. Events are numbered by the spool without a gap: each number up to the last that was written has to be there. What is
there more than once is counted. The status is 1 where one is missing. `kafka` takes a build with that feature, and is not tried unless it is named.
"""

import argparse
import collections
import email.utils
import gzip
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

KILLS = 5


def capture(path, flows):
    """Sessions of a ClientHello each: a `tls` and a `flow` event."""
    name = b"host.loss.example"
    sni = struct.pack("!HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + struct.pack("!H", 4) + b"\x13\x01\xc0\x2f" + b"\1\0" + struct.pack("!H", len(sni)) + sni
    hello = b"\1" + struct.pack("!I", len(body))[1:] + body
    record = b"\x16\3\1" + struct.pack("!H", len(hello)) + hello

    def frame(source, target, ports, seq, ack, flags, data=b""):
        tcp = struct.pack("!HHIIBBHHH", *ports, seq, ack, 0x50, flags, 65535, 0, 0) + data
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, target)
        return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + tcp

    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for n in range(flows):
            client, server = struct.pack("!I", 0x0A000001 + n // 50000), b"\xc0\0\2\1"
            there, back = (10000 + n % 50000, 443), (443, 10000 + n % 50000)
            end = 101 + len(record)
            frames = [frame(client, server, there, 100, 0, 2), frame(server, client, back, 500, 101, 18), frame(client, server, there, 101, 501, 16),
                      frame(client, server, there, 101, 501, 24, record), frame(server, client, back, 501, end, 20), ]
            for step, data in enumerate(frames):
                at = n * 100 + step
                out.write(struct.pack("<IIII", 1795519691 + at // 1000000, at % 1000000, len(data), len(data)) + data)


# --- the receiver, a process of its own ------------------------------------------------------------------------------------

def keep(directory):
    """A new file for what is read."""
    fd, _ = tempfile.mkstemp(dir=directory)
    return fd


def receive_stream(kind, address, directory):
    listener = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == "unix":
        pathlib.Path(address).unlink(missing_ok=True)
        listener.bind(address)
    else:
        listener.bind(("127.0.0.1", int(address)))
    listener.listen()
    context = None
    if kind == "syslog-tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{directory}/../server.pem", f"{directory}/../server.key")

    def serve(stream):
        try:
            if context:
                stream = context.wrap_socket(stream, server_side=True)
            fd = keep(directory)
            while data := stream.recv(1 << 16):
                os.write(fd, data)
            stream.close()
        except OSError:
            pass

    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


class Overload:
    """Spells in which a receiver has too much to do: it refuses all, or what would go to one of its shards."""

    def __init__(self, dice):
        self.dice, self.end, self.kind, self.busy = dice, 0, None, 0

    def now(self):
        if time.monotonic() >= self.end:
            self.kind = None
            if self.dice.random() < 0.02:
                self.kind = self.dice.choice(["all", "shard", "shard", "single"])
                self.busy = self.dice.randrange(SHARDS)
                self.end = time.monotonic() + self.dice.uniform(0.2, 2)
        return self.kind


SHARDS = 5


def receive_http(kind, address, directory, seed):
    dice, lock = random.Random(seed), threading.Lock()
    overload = Overload(dice)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        known = set()

        def log_message(self, *_):
            pass

        def say(self, status, body=b"", headers=()):
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            with lock:
                fate, spell = dice.random(), overload.now()
            if spell == "all" or spell and kind != "elastic":
                # It says when to come again: in seconds, as a date, or not at all.
                after = {0: [("Retry-After", "1")], 1: [("Retry-After", email.utils.formatdate(time.time() + 1, usegmt=True))]}
                return self.say(dice.choice([429, 503]), b"busy", after.get(int(fate * 300) % 3, []))
            if fate < 0.005:
                return self.say(200, b"<html>")
            if fate < 0.01:
                self.close_connection = True
                return None
            if fate < 0.015 and len(body) > 10000:
                return self.say(413)
            ids = re.findall(rb'\\*"portcullis\\*":\{\\*"id\\*":\\*"([0-9a-f]+-[0-9]+)', body)
            if kind == "elastic":
                return self.bulk(body, ids, spell, fate)
            self.keep(ids)
            if fate < 0.02:
                self.close_connection = True  # taken, and not said
                return None
            answer = {"splunk-hec": (200, b'{"text":"Success","code":0}'), "loki": (204, b""), "ndjson": (200, b"")}
            return self.say(*answer[kind])

        def bulk(self, body, ids, spell, fate):
            lines = body.split(b"\n")
            if lines[-1] or len(lines) % 2 != 1 or len(ids) != len(lines) // 2:
                return self.say(400, b"malformed")
            items, taken = [], []
            for index in range(0, len(lines) - 1, 2):
                action = json.loads(lines[index])["create"]
                shard = zlib.crc32(action["_id"].encode()) % SHARDS
                if action["_id"] in self.known:
                    items.append({"create": {"status": 409}})
                elif spell == "shard" and shard == overload.busy or spell == "single" and dice.random() < 0.001:
                    items.append({"create": {"status": 429, "error": {"type": "es_rejected_execution_exception"}}})
                else:
                    self.known.add(action["_id"])
                    taken.append(action["_id"].encode())
                    items.append({"create": {"status": 201}})
            self.keep(taken)
            if fate < 0.02:
                self.close_connection = True  # taken, and not said
                return None
            errors = any(item["create"]["status"] != 201 for item in items)
            return self.say(200, json.dumps({"errors": errors, "items": items}).encode())

        def keep(self, ids):
            if not hasattr(self, "fd"):
                self.fd = keep(directory)
            os.write(self.fd, b"".join(one + b"\n" for one in ids))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(address)), Handler)
    server.daemon_threads = True
    server.serve_forever()


# --- the run -------------------------------------------------------------------------------------------------------------

def arrived(kind, directory):
    """How often each number has come. A receiver that was killed leaves a torn end."""
    counts = collections.Counter()
    if kind == "kafka":
        return collections.Counter(kafka_broker.ids((directory / "log").read_bytes()))
    for path in directory.iterdir():
        data = path.read_bytes()
        if kind in ("unix", "syslog-tcp", "syslog-tls"):
            found = re.findall(rb'"portcullis":\{"id":"[0-9a-f]+-([0-9]+)"[^\n]*?\}(?=\n|[0-9]+ <|$)', data)
        else:
            found = [line.split(b"-")[1] for line in data.split(b"\n")[:-1]]
        counts.update(map(int, found))
    return counts


def ledger(spool):
    data = (spool / "ledger").read_bytes()
    return struct.unpack("<QQ", data[:16])


def written(spool):
    """The number after the last whole record of the last segment."""
    segments = sorted(spool.glob("*.seg"))
    if not segments:
        return 1
    number, data, at = int(segments[-1].stem), segments[-1].read_bytes(), 24
    while at + 8 <= len(data) and at + 8 + struct.unpack_from("<I", data, at)[0] <= len(data):
        at += 8 + struct.unpack_from("<I", data, at)[0]
        number += 1
    return number


def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def chaos(dice, begin, running, notes):
    """Kills, stops and starts the receiver until it is told to end; then there is one."""
    receiver = begin()
    while running.is_set():
        # Much of it at first; then so that the receiver also gets something done.
        time.sleep(dice.uniform(0.5, 3) if notes.total() < 10 else dice.uniform(2, 10))
        what = dice.choice(["kill", "stall", "refuse"])
        notes[what] += 1
        if what == "stall":
            receiver.send_signal(signal.SIGSTOP)
            time.sleep(dice.uniform(0.5, 4))
            receiver.send_signal(signal.SIGCONT)
            continue
        receiver.kill()
        receiver.wait()
        time.sleep(dice.uniform(2, 4) if what == "refuse" else 0.1)
        receiver = begin()
    return receiver


def attempt(kind, portcullis, base, pcap, events, seed):
    dice, work = random.Random(seed), base / kind
    work.mkdir()
    read = work / "read"
    read.mkdir()
    shutil.copy(base / "server.pem", work)
    shutil.copy(base / "server.key", work)
    address = str(work / "sock") if kind == "unix" else str(port())
    begun = [0]

    def begin():
        begun[0] += 1
        if kind == "kafka":
            broker = [pathlib.Path(__file__).with_name("kafka_broker.py"), address, read / "log", "--faults", seed * 1000 + begun[0]]
            return subprocess.Popen([sys.executable, *map(str, broker)], stderr=subprocess.DEVNULL)
        return subprocess.Popen([sys.executable, __file__, "--receive", kind, address, str(read), str(seed * 1000 + begun[0])],
                                stderr=subprocess.DEVNULL)

    target = {"unix": f"unix:{address}?", "syslog-tcp": f"syslog-tcp:127.0.0.1:{address}?",
              "syslog-tls": f"syslog-tls:localhost:{address}?ca={base}/ca.pem&",
              "kafka": f"kafka:localhost:{address}/eve?compress=gzip&timeout=10&"}
    sink = target.get(kind, f"http:http://127.0.0.1:{address}?mode={kind}&timeout=5&") + f"spool={work}/spool&events=tls,flow"
    command = [portcullis, "replay", "--no-config", "--no-rules", "--flows", str(pcap), "--sink", sink]
    notes, running, spool = collections.Counter(), threading.Event(), work / "spool"
    running.set()
    last = []
    storm = threading.Thread(target=lambda: last.append(chaos(dice, begin, running, notes)))
    storm.start()
    kills, runs, since = 0, 0, time.monotonic()
    try:
        while kills < KILLS or written(spool) < events:
            runs += 1
            run = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            if kills < KILLS:
                before = written(spool) if spool.exists() else 1
                # In the midst of writing, wherever that is.
                enough = dice.randrange(100, max(101, events // 8))
                while run.poll() is None and written(spool) - before < enough:
                    time.sleep(0.05)
                if run.poll() is None:
                    run.kill()
                    kills += 1
            run.wait()
    finally:
        running.clear()
        storm.join()
    final = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    accepted = ledger(spool)[1] - 1
    last[0].kill()
    counts = arrived(kind, read)
    missing = accepted - len([number for number in counts if number <= accepted])
    doubles = sum(counts.values()) - len(counts)
    seconds = time.monotonic() - since
    left = "nothing waits" if "wait in its spool" not in final.stderr else "some wait"
    print(f"{kind}: {accepted} accepted, {missing} missing, {doubles} twice; Portcullis killed {kills} times in {runs + 1} runs, receiver killed "
          f"{notes['kill']}, stalled {notes['stall']}, refused {notes['refuse']} times; {left}, status {final.returncode}; {seconds:.0f} s", flush=True)
    return missing == 0 and final.returncode == 0 and accepted >= events


def main():
    if sys.argv[1] == "--receive":
        kind, address, directory, seed = sys.argv[2:6]
        if kind in ("unix", "syslog-tcp", "syslog-tls"):
            receive_stream(kind, address, directory)
        receive_http(kind, address, directory, int(seed))
    parser = argparse.ArgumentParser()
    parser.add_argument("portcullis")
    parser.add_argument("--sinks", default="unix,syslog-tcp,syslog-tls,elastic,splunk-hec,loki,ndjson")
    parser.add_argument("--events", type=int, default=1000000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    base = pathlib.Path(tempfile.mkdtemp())
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    global kafka_broker
    import kafka_broker
    from run import certificates
    certificates(base)
    capture(base / "loss.pcap", min(100000, max(1000, options.events // 8)))
    try:
        good = [attempt(kind, options.portcullis, base, base / "loss.pcap", options.events, options.seed) for kind in options.sinks.split(",")]
    finally:
        shutil.rmtree(base)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
