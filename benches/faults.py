#!/usr/bin/env python3
"""What portcullis lives through: as root, in a network namespace of its own.

    benches/faults.py PORTCULLIS [SECONDS [CONNECTIONS_A_SECOND]]

New connections (SYN, SYN-ACK, ACK, ClientHello, and no end) come at that rate from addresses that do not come again, by tcpreplay, to a tap and through a bridge in the path, one after the other: without
more; with the rules loaded anew each second; with an interface that goes down and up each three seconds; and with so little memory that limits are reached all the time. A row for each tells
how many hellos were sent and told, what the kernel dropped, how many packets came too late to be judged (`--latest`), how much memory was taken at most, how often rules were loaded, and how the run ended.
"""
import os, signal, socket, struct, subprocess, sys, threading, time

from space import counter, memory, space, stats

FEW = ["--max-flows", "4096", "--session-memory", "4MiB", "--reassembly-memory", "1MiB"]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def hello(name):
    name = name.encode()
    sni = struct.pack("!HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    groups = bytes.fromhex("000a00080006001d00170018" "000d000a0008040308040401080500" "0b00020100")
    extensions = sni + groups[:12] + struct.pack("!HHH", 0x000B, 2, 0x0100)
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x04\xc0\x2b\xc0\x2f" + b"\x01\x00" + struct.pack("!H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(message)) + message


def packet(source, destination, ports, seq, ack, flags, payload=b""):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 0, 0x4000, 64, 6, 0, source, destination)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    tcp = struct.pack("!HHIIBBHHH", *ports, seq, ack, 0x50, flags, 65000, 0, 0) + payload
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x00" + ip + tcp


def capture(path, connections):
    """Connections one after the other; four packets of each."""
    server, ch = socket.inet_aton("192.0.2.1"), hello("new.example")
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for n in range(connections):
            client, port = (0x0A000000 + n // 60000 + (n % 250 << 8)).to_bytes(4, "big"), 1024 + n % 60000
            there, back = (port, 443), (443, port)
            for data in [packet(client, server, there, 100, 0, 0x02), packet(server, client, back, 900, 101, 0x12),
                         packet(client, server, there, 101, 901, 0x10), packet(client, server, there, 101, 901, 0x18, ch)]:
                out.write(struct.pack("<IIII", n // 10000, n % 10000 * 100, len(data), len(data)) + data)


def attempt(portcullis, way, fault, file, connections, seconds, rate, lab):
    events, rules = f"{lab.root}/events.json", f"{lab.root}/x.rules"
    with open(rules, "w") as out:
        out.write('alert tls any any -> any any (msg:"never"; tls.sni; content:"nowhere.example"; sid:1;)\n')
    place = {"tap": ["tap", "-i", "left", "--workers", "1"], "bridge": ["inline", "--bridge", "left:right"]}[way]
    subprocess.run(["rm", "-f", events])  # a run adds to its file
    words = [portcullis, *place, "--no-config", "--rules", rules, "-o", events, *(FEW if fault == "little memory" else [])]
    process = lab.start(*words, stderr=subprocess.PIPE, text=True)
    said = []
    reader = threading.Thread(target=lambda: said.extend(process.stderr), daemon=True)
    reader.start()
    time.sleep(2)
    loops = max(1, round(seconds * rate / connections))
    sender = lab.start("tcpreplay", "-q", "--pps", str(4 * rate), "--preload-pcap", "--loop", str(loops), "--unique-ip", "--intf1", "send", file,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begun, reloads, flaps = time.time(), 0, 0
    while sender.poll() is None and process.poll() is None:
        time.sleep(1)
        if fault == "reloads":
            reloads += 1
            with open(rules, "a") as out:
                out.write(f'alert tls any any -> any any (msg:"{reloads}"; tls.sni; content:"n{reloads}.nowhere.example"; sid:{reloads + 1};)\n')
            process.send_signal(signal.SIGHUP)
        if fault == "flapping" and int(time.time() - begun) // 3 > flaps:
            flaps += 1
            lab.run("ip", "link", "set", "left", "down")
            lab.run("ip", "link", "set", "left", "up")
    took = time.time() - begun
    time.sleep(2)
    most = memory(process.pid, most=True) if process.poll() is None else 0
    asked = time.time()
    process.send_signal(signal.SIGTERM)
    status = process.wait(60)
    ended = time.time() - asked
    reader.join(5)
    counted = stats(events)
    late = sum((counter(counted, "exception_policy.overload") or {}).values())
    told = int(subprocess.run(["grep", "-c", '"event_type":"tls"', events], capture_output=True, text=True).stdout)
    loaded = sum("rules reloaded" in line for line in said)
    return {"sent": loops * connections, "a second": loops * connections / took, "told": told, "drops": counted["capture"]["kernel_drops"], "late": late, "MiB": most,
            "reloads": f"{loaded} of {reloads}", "status": status, "end s": ended}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    portcullis = os.path.abspath(sys.argv[1])
    seconds, rate = float(sys.argv[2]) if len(sys.argv) > 2 else 60, int(sys.argv[3]) if len(sys.argv) > 3 else 10_000
    connections = 50_000
    with space("/dev/shm") as lab:
        lab.wire("send", "left", 1500)
        lab.wire("right", "away", 1500)
        file = f"{lab.root}/connections.pcap"
        capture(file, connections)
        print(f"{'way':8} {'fault':14} {'sent':>8} {'a second':>9} {'told':>8} {'drops':>8} {'late':>8} {'MiB':>6} {'reloads':>9} {'status':>6} {'end s':>6}")
        for way in ["tap", "bridge"]:
            for fault in ["none", "reloads", "flapping", "little memory"]:
                f = attempt(portcullis, way, fault, file, connections, seconds, rate, lab)
                print(f"{way:8} {fault:14} {f['sent']:>8,} {f['a second']:>9,.0f} {f['told']:>8,} {f['drops']:>8,} {f['late']:>8,} {f['MiB']:>6.0f} {f['reloads']:>9} "
                      f"{f['status']:>6} {f['end s']:>6.2f}", flush=True)


main()
