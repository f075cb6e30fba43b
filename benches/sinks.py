#!/usr/bin/env python3
"""Events a second and processor time for each event, by sink.

    benches/sinks.py PORTCULLIS [--flows 100000] [--repeat 3]

A capture of sessions that is made here (two events each) is played into each sink, whose receiver on loopback reads all and
keeps nothing, but for Kafka's; that takes a build with the feature. Processor time is that of Portcullis beyond a run that writes to /dev/null, by the event; of the repeated runs the fastest counts.
"""

import argparse
import http.server
import os
import pathlib
import re
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

RECEIVERS = pathlib.Path(__file__).parent.parent / "tests" / "receivers"
BROKER = RECEIVERS / "kafka_broker.py"
sys.path.insert(0, str(RECEIVERS))
from loss import capture, port  # noqa: E402
from run import certificates  # noqa: E402


def drain(kind, address, base):
    """A process that reads streams to their end."""
    listener = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
    listener.bind(address if kind == "unix" else ("127.0.0.1", int(address)))
    listener.listen()
    context = None
    if kind == "syslog-tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{base}/server.pem", f"{base}/server.key")

    def serve(stream):
        stream = context.wrap_socket(stream, server_side=True) if context else stream
        while stream.recv(1 << 18):
            pass
        stream.close()

    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def answer(address):
    """A process that takes all requests."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = 200, b'{"errors":false,"code":0}'
            if "loki" in self.path:
                status, body = 204, b""
            self.wfile.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    http.server.ThreadingHTTPServer(("127.0.0.1", int(address)), Handler).serve_forever()


def measure(portcullis, pcap, flags):
    """Seconds, and processor time of a run."""
    before, since = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ran = subprocess.run([portcullis, "replay", "--no-config", "--no-rules", "--flows", str(pcap), *flags], stderr=subprocess.PIPE, text=True)
    seconds, after = time.monotonic() - since, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode or "wait in its spool" in ran.stderr or "dropped" in ran.stderr:
        sys.exit(f"{flags}: {ran.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    if sys.argv[1] == "--drain":
        drain(*sys.argv[2:5])
    if sys.argv[1] == "--answer":
        answer(sys.argv[2])
    parser = argparse.ArgumentParser()
    parser.add_argument("portcullis")
    parser.add_argument("--flows", type=int, default=100000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    base = pathlib.Path(tempfile.mkdtemp())
    certificates(base)
    capture(base / "sinks.pcap", options.flows)
    lines = subprocess.run([options.portcullis, "replay", "--no-config", "--no-rules", "--flows", str(base / "sinks.pcap")], stdout=subprocess.PIPE)
    events = len(re.findall(rb"\n", lines.stdout))
    print(f"{events} events of {len(lines.stdout) // events} bytes on average")
    web = "http:http://127.0.0.1:{port}?mode="
    kinds = {
        "file": "file:{base}/eve.json",
        "file, zstd, rotated at 16 MiB": "file:{base}/eve.json?rotate-size=16MiB&compress=zstd&keep=2",
        "unix, no spool": "unix:{base}/sock",
        "unix, spool": "unix:{base}/sock?spool={base}/spool",
        "syslog-tcp, no spool": "syslog-tcp:127.0.0.1:{port}?spool=none",
        "syslog-tcp": "syslog-tcp:127.0.0.1:{port}?spool={base}/spool",
        "syslog-tcp, spool-sync=never": "syslog-tcp:127.0.0.1:{port}?spool={base}/spool&spool-sync=never",
        "syslog-tls": "syslog-tls:localhost:{port}?spool={base}/spool&ca={base}/ca.pem",
        "http, elastic": web + "elastic&spool={base}/spool",
        "http, elastic, compress=none": web + "elastic&compress=none&spool={base}/spool",
        "http, splunk-hec": web + "splunk-hec&spool={base}/spool",
        "http, loki": web + "loki&spool={base}/spool",
        "http, ndjson": web + "ndjson&spool={base}/spool",
    }
    if "kafka" in subprocess.run([options.portcullis, "--version"], stdout=subprocess.PIPE, text=True).stdout:
        kinds |= {f"kafka, compress={how}": f"kafka:localhost:{{port}}/eve?compress={how}&spool={{base}}/spool" for how in ("lz4", "gzip", "none")}
    try:
        floor = min(measure(options.portcullis, base / "sinks.pcap", ["-o", "/dev/null"])[1] for _ in range(options.repeat))
        print(f"-o /dev/null: {floor * 1e6 / events:.1f} us of processor time an event")
        for name, sink in kinds.items():
            best = None
            for _ in range(options.repeat):
                shutil.rmtree(base / "spool", ignore_errors=True)
                for left in [base / "sock", base / "kafka.log", *base.glob("eve.json*")]:
                    left.unlink(missing_ok=True)
                number = port()
                described = sink.format(base=base, port=number)
                receiver = None
                if described.startswith("http"):
                    receiver = [__file__, "--answer", str(number)]
                elif described.startswith("kafka"):
                    receiver = [BROKER, str(number), f"{base}/kafka.log"]
                elif not described.startswith("file"):
                    kind = described.split(":")[0]
                    receiver = [__file__, "--drain", kind, f"{base}/sock" if kind == "unix" else str(number), str(base)]
                process = receiver and subprocess.Popen([sys.executable, *map(str, receiver)])
                time.sleep(0.5 if process else 0)
                seconds, used = measure(options.portcullis, base / "sinks.pcap", ["--sink", described])
                if process:
                    process.kill()
                if best is None or used < best[1]:
                    best = (seconds, used)
            print(f"{name}: {events / best[0]:.0f} events/s, {(best[1] - floor) * 1e6 / events:.1f} us of processor time an event", flush=True)
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
