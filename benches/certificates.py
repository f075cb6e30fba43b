#!/usr/bin/env python3
"""What many different certificates cost: certificates.py PORTCULLIS [N [OPTION...]]

Plays N sessions (1,000,000 unless told) of TLS 1.2, each with another certificate: the leaf of pcaps/tls12.pcap under another serial number, with the
rest of its chain. The last certificate of that chain is trusted, so that a signature on each leaf is verified, and is wrong. OPTIONs go to `replay`
(--certificates, --store-certs DIR, ...). Prints wall time, CPU time (all threads), peak RSS, and some counters.
"""
import base64
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

CAPTURE = pathlib.Path(__file__).resolve().parent.parent / "pcaps" / "tls12.pcap"
SYN, ACK, FIN = 0x02, 0x10, 0x01


def main():
    portcullis, count, options = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000, sys.argv[3:]
    client, before, chain, after = parts()
    with tempfile.TemporaryDirectory() as folder:
        root, eve = pathlib.Path(folder, "root.pem"), pathlib.Path(folder, "eve.json")
        root.write_text(f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(chain[-1]).decode()}-----END CERTIFICATE-----\n")
        command = [portcullis, "replay", "--no-rules", "--trust-store", str(root), "-o", "/dev/stdout", *options, "-"]
        begun = time.monotonic()
        with open(eve, "wb") as out:
            tail = subprocess.Popen(["tail", "-n", "1"], stdin=subprocess.PIPE, stdout=out)
            replay = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=tail.stdin)
            tail.stdin.close()
            replay.stdin.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for n in range(count):
                replay.stdin.write(session(n, client, before, chain, after))
            replay.stdin.close()
            _, status, usage = os.wait4(replay.pid, 0)
            tail.wait()
        wall = time.monotonic() - begun
        stats = json.loads(eve.read_text())["stats"]
    cpu = usage.ru_utime + usage.ru_stime
    print(f"status {os.waitstatus_to_exitcode(status)}, {wall:.1f} s, CPU {cpu:.1f} s, peak {usage.ru_maxrss / 1024:.0f} MB")
    trust = {name: n for name, n in stats["portcullis"]["trust"].items() if n}
    print(f"sessions {stats['app_layer']['flow']['tls']}, trust {trust}, certificates {stats['portcullis']['certificates']}")


def parts():
    """The client's hello, the server's records before its chain, the chain, and the messages after it."""
    sides = [b"", b""]
    capture, at = CAPTURE.read_bytes(), 24
    while at < len(capture):
        length = struct.unpack_from("<I", capture, at + 8)[0]
        frame = capture[at + 16 : at + 16 + length]
        segment = frame[34 : 14 + struct.unpack_from(">H", frame, 16)[0]]
        sides[segment[:2] == b"\x01\xbb"] += segment[(segment[12] >> 4) * 4 :]
        at += 16 + length
    handshake, at = b"", 0
    while sides[1][at] == 22:
        size = struct.unpack_from(">H", sides[1], at + 3)[0]
        handshake += sides[1][at + 5 : at + 5 + size]
        at += 5 + size
    messages, at = [], 0
    while at + 4 <= len(handshake):
        size = int.from_bytes(handshake[at + 1 : at + 4], "big")
        messages.append(handshake[at : at + 4 + size])
        at += 4 + size
    place = next(n for n, message in enumerate(messages) if message[0] == 11)
    chain, at = [], 7
    while at < len(messages[place]):
        size = int.from_bytes(messages[place][at : at + 3], "big")
        chain.append(messages[place][at + 3 : at + 3 + size])
        at += 3 + size
    hello = sides[0][: 5 + struct.unpack_from(">H", sides[0], 3)[0]]
    after = b"".join(message for message in messages[place + 1 :] if message[0] in (12, 14))
    return hello, b"".join(messages[:place]), chain, after


def session(n, client, before, chain, after):
    """The frames of session number `n`."""
    leaf = bytearray(chain[0])
    at = leaf.index(b"\xa0\x03\x02\x01\x02\x02") + 7  # the version, then the serial number
    leaf[at + 1 : at + 5] = struct.pack(">I", n)
    listed = b"".join(len(der).to_bytes(3, "big") + der for der in [bytes(leaf), *chain[1:]])
    body = len(listed).to_bytes(3, "big") + listed
    flight = before + b"\x0b" + len(body).to_bytes(3, "big") + body + after
    server = b"\x16\x03\x03" + struct.pack(">H", len(flight)) + flight
    end = struct.pack(">II", 0x0A000000 | n & 0xFFFFFF, 0xC6120001), 1024 + n // 0x1000000
    dark = b"\x14\x03\x03\x00\x01\x01\x16\x03\x03\x00\x28" + b"\xa5" * 40  # ChangeCipherSpec, and what no longer can be read
    c, s = 1, 1
    frames = [frame(n, end, 0, SYN, 0, 0, b""), frame(n, end, 1, SYN | ACK, 0, 1, b"")]
    for side, payload in [(0, client), *((1, server[i : i + 1400]) for i in range(0, len(server), 1400)), (0, dark), (1, dark)]:
        frames.append(frame(n, end, side, ACK, *((c, s) if side == 0 else (s, c)), payload))
        c, s = (c + len(payload), s) if side == 0 else (c, s + len(payload))
    frames += [frame(n, end, 0, ACK | FIN, c, s, b""), frame(n, end, 1, ACK | FIN, s, c + 1, b"")]
    return b"".join(frames)


def frame(n, end, side, flags, seq, ack, payload):
    (addresses, port), ports = end, None
    source, destination = (addresses[:4], addresses[4:]) if side == 0 else (addresses[4:], addresses[:4])
    ports = (port, 443) if side == 0 else (443, port)
    tcp = struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 0xFFFF, 0, 0) + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + source + destination
    data = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0" + ip + tcp
    return struct.pack("<IIII", 1_780_272_000 + n // 10_000, n % 10_000 * 100, len(data), len(data)) + data


if __name__ == "__main__":
    main()
