#!/usr/bin/env python3
"""What `portcullis inline` adds to connections, next to the bare ways, and what a packet costs a bridge: as root, in network namespaces.

    benches/path.py PORTCULLIS [--connections N] [--megabytes N] [--rounds N] [--ways WAY,WAY] [--than OTHER] [--captures FILE,FILE]

A client and nginx, and between them a machine that is a router or a bridge, bare or with Portcullis (with the rules that ship). For each way: the
time of a TCP connect with a TLS 1.3 handshake behind it, one at a time (median and 99th percentile), and the rate at which one
download over TLS comes. With --captures instead: tcpreplay sends each through the bridge, at 20,000 packets a second and as fast as it can, with its ports watched
and with none of them; a row tells the processor time of Portcullis for each packet that came, how many did not come out at the other side, and its memory.
--than is another build, which is measured as a bridge next to the first. Rounds of all ways take turns, so that what else the machine does falls on all of them.
"""
import argparse, os, shutil, signal, statistics, subprocess, tempfile, time

from space import memory, processor, run

WAYS = ["router", "queue", "queue with --done-mark", "bridge", "inline bridge", "inline bridge, other build"]
QUEUE = "-t mangle -A FORWARD -p tcp -m multiport --ports 443 -m connmark ! --mark 443 -j NFQUEUE --queue-num 7 --queue-bypass"
MARK = "-t mangle -A POSTROUTING -m mark --mark 443 -j CONNMARK --save-mark"
OPTIONS = {"queue": ["--queue", "7"], "queue with --done-mark": ["--queue", "7", "--done-mark", "443"]}
BRIDGE = ["--bridge", "left:right"]
RATE = 20_000
CLIENT = """
import socket, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    with socket.create_connection((sys.argv[1], 443)) as tcp, context.wrap_socket(tcp, server_hostname="bench.example"):
        print(time.perf_counter() - start)
"""


class Lab:
    """Three machines in a row: c, m and s."""

    def __init__(self):
        self.processes = []
        for side in "cms":
            run("ip", "netns", "add", self.space(side))
        for near, far, side in [("left", "c0", "c"), ("right", "s0", "s")]:
            self.ip("m", f"link add name {near} type veth peer name {far} netns {self.space(side)}")
            for place, end in [("m", near), (side, far)]:
                run(*self.inside(place, "sysctl", "-qw", f"net.ipv6.conf.{end}.disable_ipv6=1"))
                self.ip(place, f"link set {end} up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.stop(process)
        for side in "cms":
            run("ip", "netns", "del", self.space(side))

    def space(self, side):
        return f"pb-{os.getpid()}-{side}"

    def inside(self, side, *words):
        return ["ip", "netns", "exec", self.space(side), *words]

    def ip(self, side, words):
        run(*self.inside(side, "ip", *words.split()))

    def start(self, side, *words):
        process = subprocess.Popen(self.inside(side, *words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        return process

    def start_portcullis(self, portcullis, *words):
        process = self.start("m", portcullis, "inline", "--no-config", "-o", "/dev/null", *words)
        while "in the path" not in process.stderr.readline():
            assert process.poll() is None, "it does not start"
        return process

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate()

    def address(self, routed):
        """Addresses of client and server, and in between a router or nothing. Answers the server's."""
        self.ip("c", "addr add 10.9.0.1/24 dev c0")
        if not routed:
            self.ip("s", "addr add 10.9.0.2/24 dev s0")
            return "10.9.0.2"
        run(*self.inside("m", "sysctl", "-qw", "net.ipv4.ip_forward=1"))
        self.ip("s", "addr add 10.9.1.2/24 dev s0")
        for net, interface, side in [("10.9.0", "left", "c"), ("10.9.1", "right", "s")]:
            self.ip("m", f"addr add {net}.254/24 dev {interface}")
            self.ip(side, f"route add default via {net}.254")
        return "10.9.1.2"

    def received(self):
        """Packets that came to the server's interface."""
        return int(run(*self.inside("s", "cat", "/sys/class/net/s0/statistics/rx_packets")))


def connections(way, builds, root, options):
    """Microseconds of each connection by this way, and Gbit/s of a download."""
    with Lab() as lab:
        server = lab.address(routed="bridge" not in way)
        if "queue" in way:
            for rule in (QUEUE, MARK):
                run(*lab.inside("m", "iptables", *rule.split()))
        if way == "bridge":
            lab.ip("m", "link add name br0 type bridge")
            for end in ("left", "right"):
                lab.ip("m", f"link set {end} master br0")
            lab.ip("m", "link set br0 up")
        if way in builds:
            lab.start_portcullis(builds[way], *OPTIONS.get(way, BRIDGE))
        lab.start("s", "nginx", "-c", f"{root}/nginx.conf", "-p", root)
        time.sleep(1)
        client = lab.inside("c", "python3", "-c", CLIENT, server)
        run(*client, "20")
        times = [float(line) * 1e6 for line in run(*client, str(options.connections)).split()]
        url = f"https://{server}/large.bin"
        rate = float(run(*lab.inside("c", "curl", "-sk", "-o", "/dev/null", "-w", "%{speed_download}", url)))
        return times, rate * 8 / 1e9


def packets(portcullis, capture, pace, ports):
    """What it took to have a capture come through: microseconds of processor time for each packet that came, packets a second, the share that did not come
    through, MiB of memory."""
    with Lab() as lab:
        process = lab.start_portcullis(portcullis, *BRIDGE, "--ports", ports)
        time.sleep(0.5)
        before, begun = processor(process.pid), lab.received()
        said = run(*lab.inside("c", "tcpreplay", *pace, "--intf1", "c0", capture))
        time.sleep(1)
        used, came = processor(process.pid) - before, lab.received() - begun
        sent = int(next(line for line in said.splitlines() if line.startswith("Actual:")).split()[1])
        took = float(said.split(" bytes) sent in ")[1].split()[0])
        return used / came * 1e6, sent / took, 1 - came / sent, memory(process.pid)


def of_connections(builds, options, root):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", "/CN=bench.example",
        "-keyout", f"{root}/key.pem", "-out", f"{root}/cert.pem")
    with open(f"{root}/large.bin", "wb") as file:
        file.truncate(options.megabytes * 1_000_000)
    temporary = "".join(f"{name}_temp_path {root}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(f"{root}/nginx.conf", "w") as file:
        file.write(f"daemon off; user root; worker_processes 1; pid {root}/pid; error_log {root}/log; events {{}}\n"
                   f"http {{ access_log off; sendfile on; {temporary} server {{ listen 443 ssl; ssl_certificate {root}/cert.pem;"
                   f" ssl_certificate_key {root}/key.pem; root {root}; }} }}")
    ways = [way for way in options.ways or WAYS if way in builds or way in ("router", "bridge")]
    times, rates = {way: [] for way in ways}, {way: [] for way in ways}
    for _ in range(options.rounds):
        for way in ways:
            of_these, rate = connections(way, builds, root, options)
            times[way] += of_these
            rates[way].append(rate)
    print("| way | connect and handshake, median µs | 99th percentile µs | one download, Gbit/s |\n| --- | --- | --- | --- |")
    for way in ways:
        ordered = sorted(times[way])
        print(f"| {way} | {statistics.median(ordered):.0f} | {ordered[len(ordered) * 99 // 100]:.0f} | {statistics.median(rates[way]):.2f} |")


def of_packets(builds, options):
    print("| capture | pace | watched | build | CPU µs a packet | packets/s | not through | memory MiB |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    for capture in options.captures:
        for name, pace in [(f"{RATE:,}/s", ["--pps", str(RATE)]), ("as fast as it goes", ["--topspeed"])]:
            for watched, ports in [("443", "443"), ("none of it", "9")]:
                found = {way: [] for way in WAYS[4:] if way in builds}
                for _ in range(options.rounds):
                    for way in found:
                        found[way].append(packets(builds[way], capture, pace, ports))
                for way, measured in found.items():
                    cost, rate, lost, size = (statistics.median(column) for column in zip(*measured))
                    row = [os.path.basename(capture), name, watched, way, f"{cost:.2f}", f"{rate:,.0f}", f"{lost:.2%}", f"{size:.0f}"]
                    print(f"| {' | '.join(row)} |", flush=True)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    several = lambda text: text.split(",")
    words.add_argument("portcullis", type=os.path.abspath)
    words.add_argument("--than", type=os.path.abspath)
    words.add_argument("--connections", type=int, default=500)
    words.add_argument("--megabytes", type=int, default=500)
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--ways", type=several)
    words.add_argument("--captures", type=several)
    options = words.parse_args()
    builds = {way: options.portcullis for way in ("queue", "queue with --done-mark", "inline bridge")}
    if options.than:
        builds["inline bridge, other build"] = options.than
    if options.captures:
        return of_packets(builds, options)
    root = tempfile.mkdtemp(prefix="portcullis-bench-")
    try:
        of_connections(builds, options, root)
    finally:
        shutil.rmtree(root)


main()
