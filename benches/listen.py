#!/usr/bin/env python3
"""What questions cost a tap: benches/listen.py PORTCULLIS [SECONDS] [REQUESTS-A-SECOND]

As root, in a network namespace of its own. Traffic runs all the time; for half of it clients ask for /metrics and /live.json, over connections that stay and new
ones, while others say nothing, trickle, send what is too long, or what is no request. Prints answers, latencies, memory and processor time of both halves, and what the kernel dropped.
Ends with status 1 where an answer failed, a packet was dropped, or memory grew by more than 24 MiB (each of 64 connections has a thread).
"""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

SPACE = f"listen-{os.getpid()}"
PORT = 9443


def run(*words, **more):
    return subprocess.run(words, check=True, **more)


def enter(path):
    """This process goes into the namespace, so that its sockets are there."""
    import ctypes

    with open(path) as space:
        if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def metrics():
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def answer(stream, path, stays):
    close = "" if stays else "Connection: close\r\n"
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{close}\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got:
        more = stream.recv(65536)
        if not more:
            raise ConnectionError("closed")
        got += more
    head, body = got.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += stream.recv(65536)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ConnectionError(head[:40])


def connect():
    stream = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


class Client(threading.Thread):
    """Asks so many times a second, over one connection or each time over a new one."""

    def __init__(self, rate, until, stays):
        super().__init__()
        self.rate, self.until, self.stays, self.times, self.failed = rate, until, stays, [], []

    def run(self):
        stream, due = None, time.monotonic() + random.random() / self.rate
        while (now := time.monotonic()) < self.until:
            if due > now:
                time.sleep(due - now)
            due += 1 / self.rate
            try:
                since = time.perf_counter()
                stream = stream or connect()
                answer(stream, random.choice(["/metrics", "/live.json"]), self.stays)
                self.times.append(time.perf_counter() - since)
                if not self.stays:
                    stream.close()
                    stream = None
            except OSError as error:
                self.failed.append(str(error))
                stream = None


def misbehave(until):
    """Clients that are slow or wrong, some at a time."""
    held = []
    while time.monotonic() < until:
        for bytes_ in [b"", b"GET / HT", b"GET /" + b"a" * 20000, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", b"\x16\x03\x01\0\0" * 50]:
            try:
                stream = connect()
                stream.sendall(bytes_)
                held.append(stream)
            except OSError:
                pass
        while len(held) > 30:
            held.pop(0).close()
        time.sleep(0.05)


def half(seconds, rate, clients):
    """Answers times and failures of the clients, and what it cost."""
    before, since = metrics(), time.monotonic()
    until = since + seconds
    threads = [Client(rate / 2 / clients, until, True) for _ in range(clients)] + [Client(rate / 2 / clients, until, False) for _ in range(clients)]
    if rate == 0:
        threads = []
    else:
        threads.append(threading.Thread(target=misbehave, args=(until,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(max(0, until - time.monotonic()))
    time.sleep(1.5)
    after, took = metrics(), time.monotonic() - since
    times = sorted(t for thread in threads if isinstance(thread, Client) for t in thread.times)
    failed = [f for thread in threads if isinstance(thread, Client) for f in thread.failed]
    cpu = (after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]) / took
    what = "with questions" if rate else "without"
    print(f"{what}: {took:.0f} s, processor {cpu:.3f}, memory {after['process_resident_memory_bytes'] / 2**20:.1f} MiB, packets "
          f"{after['portcullis_packets_total'] - before['portcullis_packets_total']:.0f}, dropped by the kernel {after['portcullis_capture_dropped_packets_total']:.0f}")
    if times:
        refused = [m['portcullis_monitor_requests_total{outcome="refused"}'] for m in (before, after)]
        at = lambda part: times[int(len(times) * part)] * 1000
        print(f"  {len(times)} answers, {len(times) / seconds:.0f} a second; median {at(.5):.2f} ms, 99 % {at(.99):.2f} ms, slowest {times[-1] * 1000:.1f} ms; "
              f"failed {len(failed)} {sorted(set(failed))[:3]}; refused {refused[1] - refused[0]:.0f}")
    return after, failed


def main():
    portcullis, seconds, rate = sys.argv[1], int((sys.argv + ["60"])[2]) if len(sys.argv) > 2 else 60, int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    children = []
    run("ip", "netns", "add", SPACE)
    try:
        enter(f"/run/netns/{SPACE}")
        for words in ["link set lo up", "link add send type veth peer name tap", "link set send up", "link set tap up"]:
            run("ip", *words.split())
        tap = [portcullis, "--no-config", "tap", "-i", "tap", "--listen", f"127.0.0.1:{PORT}", "-o", "/dev/null", "--duration", str(4 * seconds + 60)]
        children.append(subprocess.Popen(tap, stdin=subprocess.DEVNULL))
        time.sleep(3)
        capture = os.path.join(os.path.dirname(__file__), "..", "pcaps", "tls12.pcap")
        replay = ["tcpreplay", "--quiet", "--intf1", "send", "--pps", "2000", "--loop", "100000000", "--duration", str(3 * seconds + 30), capture]
        children.append(subprocess.Popen(replay, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(3)
        without, _ = half(seconds, 0, 8)
        with_, failed = half(seconds, rate, 8)
        grown = (with_["process_resident_memory_bytes"] - without["process_resident_memory_bytes"]) / 2**20
        dropped = with_["portcullis_capture_dropped_packets_total"]
        print(f"memory grew by {grown:.1f} MiB")
        return 1 if failed or dropped or grown > 24 else 0
    finally:
        for child in children:
            child.send_signal(signal.SIGTERM)
            child.wait()
        run("ip", "netns", "del", SPACE)


if __name__ == "__main__":
    sys.exit(main())
