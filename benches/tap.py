#!/usr/bin/env python3
"""How fast packets may come to `portcullis tap` before the kernel drops some: as root, in a network namespace of its own.

    benches/tap.py PORTCULLIS CAPTURE... [--packets N] [--rules FILE]

For each capture and each way (ring, datalink, with and without --bypass) tcpreplay sends the first N packets over a veth, at rates between which the highest is
searched at which nothing is dropped by the kernel, to a tenth; at most the one that tcpreplay reaches by itself. A row tells that rate, how it compares with what
was sent, and the processor time that a packet cost at that rate, of all that were sent. tcpreplay takes a processor of its own: there should be two.
"""
import json, os, shutil, signal, subprocess, sys, tempfile, time

SPACE = f"pt-{os.getpid()}"
WAYS = [("ring", False), ("ring", True), ("datalink", False), ("datalink", True)]


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def inside(*words):
    return ["ip", "netns", "exec", SPACE, *words]


def seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def attempt(portcullis, capture, way, rate, root, rules):
    """Packets a second that were sent, whether none was dropped, processor time for each in microseconds, and the share that was passed over."""
    backend, bypass = way
    events = f"{root}/events.json"
    words = [portcullis, "tap", "--no-config", "-i", "tap", "--capture", backend, "--workers", "1", "-o", events, *rules]
    words += ["--bypass"] if bypass else []
    tap = subprocess.Popen(inside(*words), stderr=subprocess.PIPE, text=True)
    while "listening" not in tap.stderr.readline():
        assert tap.poll() is None, "it does not start"
    time.sleep(0.3)
    before = seconds(tap.pid)
    pace = ["--pps", str(int(rate))] if rate else ["--topspeed"]
    said = run(*inside("tcpreplay", *pace, "--intf1", "send", capture))
    time.sleep(1)
    used = seconds(tap.pid) - before
    tap.send_signal(signal.SIGTERM)
    tap.stderr.read()
    assert tap.wait(60) == 0
    sent = int(next(line for line in said.splitlines() if line.startswith("Actual:")).split()[1])
    took = float(said.split(" bytes) sent in ")[1].split()[0])
    with open(events, "rb") as file:
        file.seek(max(0, os.path.getsize(events) - 200_000))
        stats = json.loads(file.read().splitlines()[-1])["stats"]
    drops = stats["capture"]["kernel_drops"] + stats["portcullis"]["live"]["unread"] + stats["portcullis"]["live"]["lines_lost"]
    return sent / took, drops == 0, used / sent * 1e6, stats["flow_bypassed"]["pkts"] / sent


def search(*args):
    """The best attempt without a drop."""
    *context, root, rules = args
    best = attempt(*context, 0, root, rules)
    if best[1]:
        return best
    low, high, best = 0.0, best[0], None
    while high - low > high / 10:
        rate = (low + high) / 2
        tried = attempt(*context, rate, root, rules)
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
    root = tempfile.mkdtemp(prefix="portcullis-tap-", dir="/dev/shm")
    try:
        run("ip", "netns", "add", SPACE)
        run(*inside("ip", "link", "add", "send", "type", "veth", "peer", "name", "tap"))
        for end in ["send", "tap"]:
            run(*inside("sysctl", "-qw", f"net.ipv6.conf.{end}.disable_ipv6=1"))
            run(*inside("ip", "link", "set", end, "mtu", "65535", "up"))
        print(f"{'capture':16} {'way':20} {'packets/s':>10} {'CPU us/packet':>14} {'passed over':>12}")
        for capture in captures:
            short = first(capture, packets, root)
            for way in WAYS:
                rate, _, cost, passed = search(portcullis, short, way, root, rules) or (0, False, 0, 0)
                name = way[0] + (" --bypass" if way[1] else "")
                print(f"{os.path.basename(capture):16} {name:20} {rate:>10,.0f} {cost:>14.2f} {passed:>11.0%}", flush=True)
            os.remove(short)
    finally:
        for pid in subprocess.run(["ip", "netns", "pids", SPACE], capture_output=True, text=True).stdout.split():
            subprocess.run(["kill", "-9", pid], capture_output=True)
        subprocess.run(["ip", "netns", "del", SPACE], capture_output=True)
        shutil.rmtree(root, ignore_errors=True)


main()
