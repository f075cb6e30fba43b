#!/usr/bin/env bash
# Times replays beside the floor, which only reads the file: [N=5] replay.sh FLOOR|- PORTCULLIS CAPTURE...
# FLOOR reads a capture packet by packet and looks each one's flow up, nothing more (FLOOR --read CAPTURE); - leaves it out.
# The captures are read once first, so that they lie in the page cache; then both run N times, turn about. Of each: the
# medians of wall time, of CPU time (user and system, all threads) and of peak RSS.
set -euo pipefail

[ $# -ge 3 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
python3 - "${N:-5}" "$@" <<'PYTHON'
import os, statistics, sys, tempfile, time

repeats, floor, portcullis, captures = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]

def machine():
    with open("/proc/cpuinfo") as lines:
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, {models[0] if models else 'unknown CPU'}, load {load}"

def run(command):
    """Wall seconds, CPU seconds and peak RSS in MiB of one run."""
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    begin = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - begin
    if status != 0:
        sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

def warm(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 22):
            pass

print(machine())
print(f"medians of {repeats}\n")
print(f"{'capture':24} {'program':10} {'wall s':>8} {'CPU s':>8} {'RSS MiB':>8} {'x floor wall':>13}")
with tempfile.TemporaryDirectory() as scratch:
    events = os.path.join(scratch, "eve.ndjson")
    for capture in captures:
        programs = {"floor": [floor, "--read", capture]} if floor != "-" else {}
        programs["portcullis"] = [portcullis, "replay", "-o", events, capture]
        warm(capture)
        runs = {name: [] for name in programs}
        for _ in range(repeats):
            for name, command in programs.items():
                if os.path.exists(events):
                    os.remove(events)
                runs[name].append(run(command))
        medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in runs.items()}
        for name, (wall, cpu, rss) in medians.items():
            ratio = f"{wall / medians['floor'][0]:13.2f}" if "floor" in medians else ""
            print(f"{os.path.basename(capture):24} {name:10} {wall:8.2f} {cpu:8.2f} {rss:8.0f} {ratio}", flush=True)
PYTHON
