#!/usr/bin/env python3
"""How portcullis lasts: as root, in a network namespace of its own.

    benches/soak.py PORTCULLIS CAPTURE [SECONDS [PACKETS_A_SECOND [OPTION...]]]

tcpreplay sends CAPTURE again and again, each time with other addresses, through `portcullis inline --bridge` and on to `portcullis tap --bypass`; both take OPTIONs. Each
minute a line tells what both take (resident memory, processor time, open files), and in the end there is a table with what they counted. Status 1 where one ended
early, or its memory grew by more than a tenth between the first third of the time and the last.
"""
import os, signal, subprocess, sys, time

from space import counter, memory, processor, space, stats

COUNTERS = ["capture.kernel_packets", "capture.kernel_drops", "decoder.pkts", "tls.sessions", "flow.total", "flow_bypassed.pkts",
            "ips.accepted", "ips.blocked", "portcullis.inline.unsent", "portcullis.inline.lines_lost", "portcullis.live.lines_lost"]


def taken(process):
    return memory(process.pid), processor(process.pid), len(os.listdir(f"/proc/{process.pid}/fd"))


def soak(portcullis, capture, seconds, rate, options, lab):
    root = lab.root
    lab.wire("send", "left")
    lab.wire("right", "tap")
    common = ["--no-config", "--stats-interval", "60", *options]
    commands = {
        "inline": [portcullis, "inline", *common, "--bridge", "left:right", "--sink", f"file:{root}/inline.json?rotate-size=64MiB&keep=2"],
        "tap": [portcullis, "tap", *common, "-i", "tap", "--bypass", "--sink", f"file:{root}/tap.json?rotate-size=64MiB&keep=2"],
    }
    processes = {name: lab.start(*words, stderr=open(f"{root}/{name}.err", "w")) for name, words in commands.items()}
    time.sleep(3)
    sender, sent, samples, begun, last = None, 0, {name: [] for name in commands}, time.time(), 0.0
    try:
        while time.time() - begun < seconds:
            if sender is None or sender.poll() is not None:
                sent += 1
                words = ["tcpreplay", "-q", "--timer", "select", "--pps", str(rate), "--intf1", "send", "--loop", "1000000", "--unique-ip",
                         "--duration", str(int(seconds)), capture]
                sender = lab.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for name, process in processes.items():
                if process.poll() is not None:
                    print(f"{name} ended with {process.returncode}: {open(f'{root}/{name}.err').read()[-2000:]}")
                    return 1
            if time.time() - last >= 60:
                last = time.time()
                for name, process in processes.items():
                    samples[name].append(taken(process))
                told = ", ".join(f"{name} {m:.1f} MiB {s:.0f} s {f} files" for name, [*_, (m, s, f)] in samples.items())
                print(f"{last - begun:5.0f} s: {told}", flush=True)
            time.sleep(1)
    finally:
        if sender:
            sender.kill()
            sender.wait()
    for process in processes.values():
        process.send_signal(signal.SIGTERM)
    ended = {name: process.wait(30) for name, process in processes.items()}
    grew = False
    for name, rows in samples.items():
        third = max(1, len(rows) // 3)
        first, later = (max(m for m, _, _ in part) for part in (rows[:third], rows[-third:]))
        grew |= later > first * 1.1
        print(f"{name}: status {ended[name]}, {rows[0][0]:.1f} MiB at the start, {rows[-1][0]:.1f} at the end, at most {first:.1f} in the first third and "
              f"{later:.1f} in the last; {rows[-1][1]:.0f} s of processor time")
        counted = stats(f"{root}/{name}.json")
        for each in COUNTERS:
            if (value := counter(counted, each)) is not None:
                print(f"    {each:32} {value:>14,}")
    return 1 if grew or any(ended.values()) else 0


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    portcullis, capture = (os.path.abspath(word) for word in sys.argv[1:3])
    seconds, rate = float(sys.argv[3]) if len(sys.argv) > 3 else 3600, int(sys.argv[4]) if len(sys.argv) > 4 else 2000
    with space() as lab:
        sys.exit(soak(portcullis, capture, seconds, rate, sys.argv[5:], lab))


main()
