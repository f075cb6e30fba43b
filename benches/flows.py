#!/usr/bin/env python3
"""Writes a capture of 1,000,000 TLS flows of which N are open at a time: flows.py OUT N [ROUNDS]

The flows come in waves of N. Every packet of a wave belongs to the next flow, round-robin, so that with many flows no look-up
finds its flow in a cache. Each flow opens (SYN, SYN/ACK, ACK), says hello (a ClientHello, then a ServerHello of TLS 1.3 with an
application data record), and then sends ROUNDS (3 unless told) small application data records. Before the next wave time goes
on beyond any time-out.

Captures for different N have the same flows with the same packets, 8,000,000 where ROUNDS is 3, and differ only in how many
are open at a time; so CPU time for N = 10,000 and for N = 1,000,000 can be compared as it is. What a packet without handshake
costs is the difference between two captures with different ROUNDS.
"""
import struct
import sys

SERVER_PORT = 443
FLOWS = 1_000_000
ROUNDS = 3
BETWEEN_WAVES = 700_000_000  # microseconds; established flows time out after 600 s
CLIENT_ISN, SERVER_ISN = 1_000, 9_000
SYN, PSH, ACK = 0x02, 0x08, 0x10


def vector(width, body):
    return len(body).to_bytes(width, "big") + body


def extension(number, body):
    return struct.pack(">H", number) + vector(2, body)


def record(content_type, body):
    return struct.pack(">BH", content_type, 0x0303) + vector(2, body)


def client_hello():
    name = b"flows.portcullis.example"
    extensions = (
        extension(0, vector(2, b"\0" + vector(2, name)))
        + extension(10, vector(2, struct.pack(">HH", 0x001D, 0x0017)))
        + extension(13, vector(2, struct.pack(">HH", 0x0403, 0x0804)))
        + extension(16, vector(2, vector(1, b"h2") + vector(1, b"http/1.1")))
        + extension(43, vector(1, struct.pack(">HH", 0x0304, 0x0303)))
        + extension(51, vector(2, struct.pack(">H", 0x001D) + vector(2, bytes(range(32)))))
    )
    suites = struct.pack(">HHH", 0x1301, 0x1302, 0xC02F)
    body = b"\x03\x03" + bytes(32) + vector(1, bytes(32)) + vector(2, suites) + b"\x01\0" + vector(2, extensions)
    return record(22, b"\x01" + vector(3, body))


def server_hello():
    extensions = extension(43, struct.pack(">H", 0x0304)) + extension(51, struct.pack(">H", 0x001D) + vector(2, bytes(32)))
    body = b"\x03\x03" + bytes(range(32)) + vector(1, bytes(32)) + struct.pack(">H", 0x1301) + b"\0" + vector(2, extensions)
    return record(22, b"\x02" + vector(3, body)) + record(23, bytes(64))


class Template:
    """One packet of all flows: only the client's address and port, the time and the sequence numbers differ."""

    def __init__(self, from_client, flags, payload):
        self.from_client = from_client
        total = 40 + len(payload)
        ethernet = (b"\2\0\0\0\0\2\2\0\0\0\0\1" if from_client else b"\2\0\0\0\0\1\2\0\0\0\0\2") + b"\x08\0"
        self.before = ethernet + struct.pack(">BBHHHBBH", 0x45, 0, total, 0, 0x4000, 64, 6, 0)
        self.length = len(ethernet) + total
        self.tail = struct.pack(">BBHHH", 0x50, flags, 65535, 0, 0) + payload

    def write_round(self, write, clients, seq, ack, clock):
        """One packet of each flow; gives back the time after it."""
        pack, length = struct.Struct("<IIII").pack, self.length
        before, tail = self.before, struct.pack(">II", seq, ack) + self.tail
        server, server_port = b"\xc0\x00\x02\x01", struct.pack(">H", SERVER_PORT)
        chunk = []
        for address, port in clients:
            clock += 1
            ends = address + server + port + server_port if self.from_client else server + address + server_port + port
            chunk.append(pack(clock // 1_000_000, clock % 1_000_000, length, length) + before + ends + tail)
            if len(chunk) == 10_000:
                write(b"".join(chunk))
                chunk.clear()
        write(b"".join(chunk))
        return clock


def flow_packets(rounds):
    """The packets of a flow, each with its sequence and acknowledgment number."""
    data = record(23, bytes(48))
    packets = [
        (True, SYN, b""),
        (False, SYN | ACK, b""),
        (True, ACK, b""),
        (True, PSH | ACK, client_hello()),
        (False, PSH | ACK, server_hello()),
    ] + [(n % 2 == 0, PSH | ACK, data) for n in range(rounds)]
    sent = {True: CLIENT_ISN, False: SERVER_ISN}
    for from_client, flags, payload in packets:
        yield Template(from_client, flags, payload), sent[from_client], 0 if flags == SYN else sent[not from_client]
        sent[from_client] += len(payload) + (1 if flags & SYN else 0)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    at_a_time, rounds = int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) == 4 else ROUNDS
    # Neighbours differ in the address; 10,000 addresses have ports for 640 million flows.
    addresses = [struct.pack(">I", 0x0A000000 + n) for n in range(10_000)]
    clients = [(addresses[n % len(addresses)], struct.pack(">H", 1_024 + n // len(addresses))) for n in range(FLOWS)]
    clock = 1_700_000_000_000_000
    with open(sys.argv[1], "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for first in range(0, FLOWS, at_a_time):
            wave = clients[first : first + at_a_time]
            for template, seq, ack in flow_packets(rounds):
                clock = template.write_round(out.write, wave, seq, ack, clock)
            clock += BETWEEN_WAVES


main()
