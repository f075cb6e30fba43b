#!/usr/bin/env python3
"""What `portcullis inline` adds to connections, next to the bare ways: as root, in network namespaces.

    benches/path.py PORTCULLIS [CONNECTIONS [MEGABYTES]]

A client and nginx, and between them a machine that is a router or a bridge, bare or with Portcullis (with the rules that ship). For each way: the
time of a TCP connect with a TLS 1.3 handshake behind it, one at a time (median and 99th percentile), and the rate at which one
download over TLS comes. Rounds of all ways take turns, so that what else the machine does falls on all of them.
"""
import os, shutil, signal, statistics, subprocess, sys, tempfile, time

WAYS = ["router", "queue", "queue with --done-mark", "bridge", "inline bridge"]
ROUNDS = 3
CLIENT = """
import socket, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    with socket.create_connection((sys.argv[1], 443)) as tcp, context.wrap_socket(tcp, server_hostname="bench.example"):
        print(time.perf_counter() - start)
"""


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def inside(side, *words):
    return ["ip", "netns", "exec", f"pb-{os.getpid()}-{side}", *words]


class Lab:
    def __init__(self, way, portcullis, root):
        self.way, self.processes = way, []
        routed = "router" in way or "queue" in way
        for side in "cms":
            run("ip", "netns", "add", f"pb-{os.getpid()}-{side}")
        ip = lambda side, words: run(*inside(side, "ip", *words.split()))
        for near, far, side in [("left", "c0", "c"), ("right", "s0", "s")]:
            ip("m", f"link add name {near} type veth peer name {far} netns pb-{os.getpid()}-{side}")
            run(*inside("m", "sysctl", "-qw", f"net.ipv6.conf.{near}.disable_ipv6=1"))
            ip("m", f"link set {near} up")
            ip(side, f"link set {far} up")
        ip("c", "addr add 10.9.0.1/24 dev c0")
        if routed:
            run(*inside("m", "sysctl", "-qw", "net.ipv4.ip_forward=1"))
            self.server = "10.9.1.2"
            ip("s", "addr add 10.9.1.2/24 dev s0")
            for net, interface, side in [("10.9.0", "left", "c"), ("10.9.1", "right", "s")]:
                ip("m", f"addr add {net}.254/24 dev {interface}")
                ip(side, f"route add default via {net}.254")
        else:
            self.server = "10.9.0.2"
            ip("s", "addr add 10.9.0.2/24 dev s0")
        if "queue" in way:
            queue = "-t mangle -A FORWARD -p tcp -m multiport --ports 443 -m connmark ! --mark 443 -j NFQUEUE --queue-num 7 --queue-bypass"
            mark = "-t mangle -A POSTROUTING -m mark --mark 443 -j CONNMARK --save-mark"
            for rule in (queue, mark):
                run(*inside("m", "iptables", *rule.split()))
        if way == "bridge":
            ip("m", "link add name br0 type bridge")
            for end in ("left", "right"):
                ip("m", f"link set {end} master br0")
            ip("m", "link set br0 up")
        self.start("s", "nginx", "-c", f"{root}/nginx.conf", "-p", root)
        options = {"queue": ["--queue", "7"], "queue with --done-mark": ["--queue", "7", "--done-mark", "443"], "inline bridge": ["--bridge", "left:right"]}
        if way in options:
            self.start("m", portcullis, "inline", "--no-config", "-o", "/dev/null", *options[way])
        time.sleep(2)

    def start(self, side, *words):
        self.processes.append(subprocess.Popen(inside(side, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def handshakes(self, count):
        out = run(*inside("c", "python3", "-c", CLIENT, self.server, str(count)))
        return [float(line) * 1e6 for line in out.split()]

    def rate(self):
        out = run(*inside("c", "curl", "-sk", "-o", "/dev/null", "-w", "%{speed_download}", f"https://{self.server}/large.bin"))
        return float(out) * 8 / 1e9

    def end(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait()
        for side in "cms":
            run("ip", "netns", "del", f"pb-{os.getpid()}-{side}")


def main():
    portcullis = os.path.abspath(sys.argv[1])
    count, megabytes = (int(word) for word in (sys.argv[2:] + ["500", "500"][len(sys.argv) - 2:]))
    root = tempfile.mkdtemp()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", "/CN=bench.example",
        "-keyout", f"{root}/key.pem", "-out", f"{root}/cert.pem")
    with open(f"{root}/large.bin", "wb") as file:
        file.truncate(megabytes * 1_000_000)
    temporary = "".join(f"{name}_temp_path {root}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(f"{root}/nginx.conf", "w") as file:
        file.write(f"daemon off; user root; worker_processes 1; pid {root}/pid; error_log {root}/log; events {{}}\n"
                   f"http {{ access_log off; sendfile on; {temporary} server {{ listen 443 ssl; ssl_certificate {root}/cert.pem;"
                   f" ssl_certificate_key {root}/key.pem; root {root}; }} }}")
    times, rates = {way: [] for way in WAYS}, {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            lab = Lab(way, portcullis, root)
            try:
                lab.handshakes(20)
                times[way] += lab.handshakes(count)
                rates[way].append(lab.rate())
            finally:
                lab.end()
    print(f"| way | connect and handshake, median µs | 99th percentile µs | one download, Gbit/s |\n| --- | --- | --- | --- |")
    for way in WAYS:
        ordered = sorted(times[way])
        print(f"| {way} | {statistics.median(ordered):.0f} | {ordered[len(ordered) * 99 // 100]:.0f} | {statistics.median(rates[way]):.2f} |")
    shutil.rmtree(root)


main()
