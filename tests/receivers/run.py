#!/usr/bin/env python3
"""Real receivers, as packages bring them, started here on loopback: every event of the captures arrives, whole.

    tests/receivers/run.py PORTCULLIS CAPTURES [WORK]

Each receiver that is installed (rsyslogd; syslog-ng, also from a directory named by SYSLOG_NG_ROOT) is tried over UDP, TCP and TLS, with a
certificate that is checked, and is started only after the events were sent into the spool. What comes out of it is compared with
what Portcullis writes to a file. ClickHouse (clickhouse-server, also from a directory named by CLICKHOUSE_ROOT) takes lines of JSON over HTTP into a
table, which is counted and searched. The last line counts; the status is 1 where something is missing, and where no receiver is installed.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request


def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificates(work):
    """A CA, and a certificate for localhost, by openssl."""
    run = lambda *args: subprocess.run(["openssl", *args], check=True, cwd=work, stderr=subprocess.DEVNULL)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
        "-subj", "/CN=receivers", "-days", "2")
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "server.key", "-out", "server.csr",
        "-subj", "/CN=localhost")
    (work / "ext").write_text("subjectAltName=DNS:localhost\n")
    run("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext", "-days", "2",
        "-out", "server.pem")


RSYSLOG = """
global(workDirectory="{work}" maxMessageSize="256k" defaultNetstreamDriverCAFile="{work}/ca.pem"
       defaultNetstreamDriverCertFile="{work}/server.pem" defaultNetstreamDriverKeyFile="{work}/server.key" {driver})
module(load="{module}" {module_options})
input(type="{module}" address="127.0.0.1" port="{port}" ruleset="events")
template(name="eve" type="string" string="%msg%\\n")
ruleset(name="events") {{ action(type="omfile" file="{out}" template="eve") }}
"""


def rsyslog(kind, work, number, out):
    program = shutil.which("rsyslogd")
    if not program:
        return None
    module = {"udp": "imudp", "tcp": "imptcp", "tls": "imtcp"}[kind]
    driver = 'defaultNetstreamDriver="gtls"' if kind == "tls" else ""
    options = 'streamDriver.mode="1" streamDriver.authMode="anon"' if kind == "tls" else ""
    config = work / "rsyslog.conf"
    config.write_text(RSYSLOG.format(work=work, module=module, driver=driver, module_options=options, port=number, out=out))
    return [program, "-n", "-f", str(config), "-i", str(work / "rsyslog.pid")], {}


SYSLOG_NG = """@version: 3.38
options {{ keep-hostname(yes); use-dns(no); log-msg-size(262144); }};
source in {{ syslog(ip(127.0.0.1) port({port}) transport("{transport}") {tls}); }};
destination out {{ file("{out}" template("$MSG\\n")); }};
log {{ source(in); destination(out); }};
"""


def syslog_ng(kind, work, number, out):
    root = os.environ.get("SYSLOG_NG_ROOT")
    program = f"{root}/usr/sbin/syslog-ng" if root else shutil.which("syslog-ng")
    if not program:
        return None
    tls = f'tls(key-file("{work}/server.key") cert-file("{work}/server.pem") peer-verify(optional-untrusted))' if kind == "tls" else ""
    config = work / "syslog-ng.conf"
    config.write_text(SYSLOG_NG.format(port=number, out=out, transport=kind, tls=tls))
    command = [program, "-F", "-f", str(config), "-R", str(work / "ng.persist"), "-p", str(work / "ng.pid"), "-c", str(work / "ng.ctl")]
    if not root:
        return command, {}
    libraries = [str(path.parent) for path in pathlib.Path(root).rglob("lib*.so*")]
    command += [f"--module-path={root}/usr/lib/syslog-ng/3.38"]
    return command, {"LD_LIBRARY_PATH": ":".join(sorted(set(libraries)))}


def events(path):
    """The events of a file, each without its id and as text that can be compared."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        event = json.loads(line)
        own = event.get("portcullis", {})
        own.pop("id", None)
        if not own:
            event.pop("portcullis", None)
        found.append(json.dumps(event, sort_keys=True))
    return found


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def is_open(number):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", number)) == 0


def attempt(name, start, kind, portcullis, captures, work):
    work.mkdir()
    certificates(work)
    number, out, expected = port(), work / "out.json", work / "expected.json"
    made = start(kind, work, number, out)
    if made is None:
        return None
    command, environment = made
    sink = f"syslog-{kind}:localhost:{number}" if kind == "tls" else f"syslog-{kind}:127.0.0.1:{number}"
    settings = [] if kind == "udp" else [f"spool={work}/spool"]
    settings += [f"ca={work}/ca.pem"] if kind == "tls" else []
    run = [portcullis, "replay", "--no-config", "--workers", "1", captures, "-o", str(expected), "--sink", f"{sink}?{'&'.join(settings)}"]
    server = None
    begin = lambda: subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL,
                                     stderr=(work / "receiver.log").open("w"))
    sender = None
    try:
        if kind == "udp":
            server = begin()
            time.sleep(2)
            sender = subprocess.Popen(run, stderr=subprocess.PIPE, text=True)
        else:
            sender = subprocess.Popen(run, stderr=subprocess.PIPE, text=True)
            time.sleep(1)  # nobody is there yet
            server = begin()
        said = sender.communicate(timeout=120)[1]
        wanted = sorted(events(expected))
        until(lambda: sorted(set(events_or_none(out))) == sorted(set(wanted)))
    finally:
        for process, how in ((sender, signal.SIGKILL), (server, signal.SIGTERM)):
            if process and process.poll() is None:
                process.send_signal(how)
                process.wait(timeout=20)
    got = sorted(events(out))
    missing = len(wanted) - sum(1 for event in set(got) for _ in range(wanted.count(event)))
    twice = len(got) - len(wanted) + missing
    left = "waits in the spool" if "wait in its spool" in said else "nothing waits"
    print(f"{name} {kind}: {len(wanted)} events, {missing} missing, {twice} twice, {left}, status {sender.returncode}", flush=True)
    return missing == 0 and sender.returncode == 0 and set(got) <= set(wanted)


def events_or_none(path):
    try:
        return events(path)
    except ValueError:
        return []  # the last line is being written


def clickhouse(portcullis, captures, work):
    """Lines over HTTP into a table of ClickHouse: as many of each type, of each flow, as a file has."""
    root = os.environ.get("CLICKHOUSE_ROOT", "")
    program = f"{root}/usr/sbin/clickhouse-server" if root else shutil.which("clickhouse-server", path=os.environ["PATH"] + ":/usr/sbin")
    if not program or not os.path.exists(program):
        return None
    work.mkdir()
    number, native, expected = port(), port(), work / "expected.json"
    (work / "config.xml").write_text(f"""<yandex>
        <logger><level>warning</level><log>{work}/log</log><errorlog>{work}/errors</errorlog></logger>
        <http_port>{number}</http_port><tcp_port>{native}</tcp_port><listen_host>127.0.0.1</listen_host>
        <path>{work}/data/</path><tmp_path>{work}/tmp/</tmp_path><users_config>{root}/etc/clickhouse-server/users.xml</users_config>
        <default_profile>default</default_profile><default_database>default</default_database><mark_cache_size>5368709</mark_cache_size>
        </yandex>""")
    libraries = sorted({str(path.parent) for path in pathlib.Path(root).rglob("lib*.so*")}) if root else []
    sink = (f"http:http://127.0.0.1:{number}/%3Finput_format_skip_unknown_fields=1%26query=INSERT+INTO+eve+FORMAT+JSONEachRow"
            f"?mode=ndjson&spool={work}/spool")
    run = [portcullis, "replay", "--no-config", "--workers", "1", captures, "-o", str(expected), "--sink", sink]
    server = subprocess.Popen([program, f"--config-file={work}/config.xml"], stdout=(work / "receiver.log").open("w"),
                              stderr=subprocess.STDOUT, env={**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)})
    try:
        if not until(lambda: is_open(number)):
            print("clickhouse: it does not start", flush=True)
            return False
        ask = lambda text: urllib.request.urlopen(f"http://127.0.0.1:{number}/", data=text.encode(), timeout=20).read().decode()
        ask("CREATE TABLE eve (timestamp String, event_type String, src_ip String, src_port UInt16, flow_id UInt64) "
            "ENGINE = MergeTree() ORDER BY timestamp")
        status = subprocess.run(run, stderr=subprocess.DEVNULL, timeout=120).returncode
        keys = ("timestamp", "event_type", "src_ip", "src_port", "flow_id")
        events_there = (json.loads(line) for line in expected.read_text().splitlines())
        wanted = sorted([str(event.get(key, "" if key in keys[:3] else 0)) for key in keys] for event in events_there)
        got = sorted(line.split("\t") for line in ask(f"SELECT {', '.join(keys)} FROM eve").splitlines())
    finally:
        server.terminate()
        server.wait(timeout=20)
    missing = sum(1 for event in wanted if event not in got)
    print(f"clickhouse http: {len(wanted)} events, {missing} missing, {len(got) - len(wanted) + missing} twice, status {status}", flush=True)
    return got == wanted and status == 0


def main():
    portcullis, captures = sys.argv[1:3]
    base = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp())
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    results = [attempt(name, start, kind, portcullis, captures, base / f"{name}-{kind}")
               for name, start in (("rsyslog", rsyslog), ("syslog-ng", syslog_ng)) for kind in ("udp", "tcp", "tls")]
    results.append(clickhouse(portcullis, captures, base / "clickhouse"))
    tried = [result for result in results if result is not None]
    print(f"{sum(tried)} of {len(tried)} receivers got every event")
    sys.exit(0 if tried and all(tried) else 1)


if __name__ == "__main__":
    main()
