#!/usr/bin/env python3
"""What a sink whose receiver is not there costs a tap: benches/away.py PORTCULLIS CAPTURE [SECONDS] [PACKETS-A-SECOND]

As root, in a network namespace of its own. tcpreplay sends the capture over a veth, three times for each way, one after the other: into a file alone; also to a
syslog server that is there; also to one that is not, with what was sent in the spool. A row tells processor time for each packet (the least), what the kernel and
the other sinks dropped, the memory, and what the spool has in the end.
"""
import pathlib, shutil, signal, subprocess, sys, time

from space import memory, processor, space, stats

READER = """
import socket, threading
listener = socket.create_server(("127.0.0.1", 5140))
def drain(stream):
    while stream.recv(1 << 18):
        pass
while True:
    threading.Thread(target=drain, args=(listener.accept()[0],), daemon=True).start()
"""


def attempt(portcullis, capture, way, seconds, rate, lab):
    events, spool = f"{lab.root}/events.json", pathlib.Path(lab.root, "spool")
    shutil.rmtree(spool, ignore_errors=True)
    words = [portcullis, "tap", "--no-config", "-i", "tap", "--workers", "1", "-o", events]
    if way != "file":
        words += ["--sink", f"syslog-tcp:127.0.0.1:{5140 if way == 'there' else 5141}?name=far&spool={spool}"]
    reader = lab.start(sys.executable, "-c", READER)
    tap = lab.start(*words, stderr=subprocess.PIPE, text=True)
    while "listening" not in tap.stderr.readline():
        assert tap.poll() is None, "it does not start"
    time.sleep(0.3)
    before = processor(tap.pid)
    said = lab.run("tcpreplay", "--pps", str(rate), "--loop", "1000000", "--unique-ip", "--duration", str(seconds), "--intf1", "send", capture)
    time.sleep(1)
    used = processor(tap.pid) - before
    most = round(memory(tap.pid, most=True))
    kept = sum(file.stat().st_size for file in spool.iterdir()) if spool.exists() else 0
    tap.send_signal(signal.SIGTERM)
    tap.stderr.read()
    assert tap.wait(60) == 0
    reader.kill()
    sent = int(next(line for line in said.splitlines() if line.startswith("Actual:")).split()[1])
    counted = stats(events)
    dropped = counted["capture"]["kernel_drops"] + counted["portcullis"]["live"]["unread"] + counted["portcullis"]["live"]["lines_lost"]
    return used / sent * 1e6, sent, dropped, most, kept >> 20


def main():
    portcullis, capture = sys.argv[1:3]
    seconds, rate = [int(word) for word in sys.argv[3:5]] + [20, 4000][len(sys.argv) - 3:]
    print("| other sink | µs of processor time a packet | packets | dropped | MiB of memory | MiB in the spool |")
    print("| --- | --- | --- | --- | --- | --- |")
    with space() as lab:
        lab.wire("send", "tap")
        lab.run("ip", "link", "set", "lo", "up")
        for way, name in [("file", "none"), ("there", "syslog-tcp"), ("away", "syslog-tcp, nobody there")]:
            tries = [attempt(portcullis, capture, way, seconds, rate, lab) for _ in range(3)]
            print(f"| {name} | {min(tries)[0]:.1f} | {min(tries)[1]:,} | {sum(one[2] for one in tries)} in three | {min(tries)[3]} | {min(tries)[4]} |", flush=True)


if __name__ == "__main__":
    main()
