#!/usr/bin/env python3
"""How fast packets may come to `portcullis tap` before the kernel drops some: as root, in a network namespace of its own.

    benches/tap.py PORTCULLIS CAPTURE... [--packets N] [--rules FILE]

For each capture and each way (ring, datalink, with and without --bypass) tcpreplay sends the first N packets over a veth, at rates between which the highest is
searched at which nothing is dropped by the kernel, to a tenth; at most the one that tcpreplay reaches by itself. A row tells that rate, how it compares with what
was sent, and the processor time that a packet cost at that rate, of all that were sent. tcpreplay takes a processor of its own: there should be two.
"""
import os, signal, subprocess, sys, time

from space import processor, space, stats

WAYS = [("ring", False), ("ring", True), ("datalink", False), ("datalink", True)]


def attempt(portcullis, capture, way, rate, lab, rules):
    """Packets a second that were sent, whether none was dropped, processor time for each in microseconds, and the share that was passed over."""
    backend, bypass = way
    events = f"{lab.root}/events.json"
    subprocess.run(["rm", "-f", events])  # a run adds to its file
    words = [portcullis, "tap", "--no-config", "-i", "tap", "--capture", backend, "--workers", "1", "-o", events, *rules]
    words += ["--bypass"] if bypass else []
    tap = lab.start(*words, stderr=subprocess.PIPE, text=True)
    while "listening" not in tap.stderr.readline():
        assert tap.poll() is None, "it does not start"
    time.sleep(0.3)
    before = processor(tap.pid)
    pace = ["--pps", str(int(rate))] if rate else ["--topspeed"]
    said = lab.run("tcpreplay", *pace, "--intf1", "send", capture)
    time.sleep(1)
    used = processor(tap.pid) - before
    tap.send_signal(signal.SIGTERM)
    tap.stderr.read()
    assert tap.wait(60) == 0
    sent = int(next(line for line in said.splitlines() if line.startswith("Actual:")).split()[1])
    took = float(said.split(" bytes) sent in ")[1].split()[0])
    counted = stats(events)
    drops = counted["capture"]["kernel_drops"] + counted["portcullis"]["live"]["unread"] + counted["portcullis"]["live"]["lines_lost"]
    return sent / took, drops == 0, used / sent * 1e6, counted["flow_bypassed"]["pkts"] / sent


def search(*args):
    """The best attempt without a drop."""
    *context, lab, rules = args
    best = attempt(*context, 0, lab, rules)
    if best[1]:
        return best
    low, high, best = 0.0, best[0], None
    while high - low > high / 10:
        rate = (low + high) / 2
        tried = attempt(*context, rate, lab, rules)
        if tried[1]:
            low, best = rate, tried
        else:
            high = rate
        if high < 1000:
            break
    return best


def first(capture, packets, root):
    """The first packets of a capture, in a file that stays in memory."""
    path = f"{root}/{os.path.basename(capture)}"
    if not os.path.exists(path):
        cut(capture, path, packets)
    return path


def cut(capture, path, packets):
    with open(capture, "rb") as file, open(path, "wb") as out:
        out.write(file.read(24))
        for _ in range(packets):
            header = file.read(16)
            if len(header) < 16:
                break
            out.write(header + file.read(int.from_bytes(header[8:12], "little")))


def main():
    words = sys.argv[1:]
    packets, rules = 400_000, []
    if "--packets" in words:
        place = words.index("--packets")
        packets = int(words[place + 1])
        del words[place : place + 2]
    if "--rules" in words:
        place = words.index("--rules")
        rules = ["--rules", words[place + 1]]
        del words[place : place + 2]
    if len(words) < 2:
        sys.exit(__doc__)
    portcullis, *captures = map(os.path.abspath, words)
    with space("/dev/shm") as lab:
        lab.wire("send", "tap")
        print(f"{'capture':16} {'way':20} {'packets/s':>10} {'CPU us/packet':>14} {'passed over':>12}")
        for capture in captures:
            short = first(capture, packets, lab.root)
            for way in WAYS:
                rate, _, cost, passed = search(portcullis, short, way, lab, rules) or (0, False, 0, 0)
                name = way[0] + (" --bypass" if way[1] else "")
                print(f"{os.path.basename(capture):16} {name:20} {rate:>10,.0f} {cost:>14.2f} {passed:>11.0%}", flush=True)
            os.remove(short)


main()
