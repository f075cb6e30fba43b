#!/usr/bin/env python3
"""Puts the packets of a capture (classic pcap, Ethernet) into another wrapping.

    rewrap.py vlan ID IN OUT               one 802.1Q tag
    rewrap.py qinq OUTER INNER IN OUT      an 802.1ad tag around an 802.1Q tag
    rewrap.py vxlan VNI IN OUT             VXLAN (RFC 7348) between two tunnel ends
    rewrap.py fragments MTU IN OUT         IPv4 packets larger than MTU cut into fragments
    rewrap.py pcapng FIRST SECOND OUT      both captures side by side: FIRST as Ethernet with nanoseconds,
                                           SECOND as raw IP with microseconds, each as an interface of its own
"""

import struct
import sys

ETHERNET, RAW_IP = 1, 101


def main(mode, *args):
    if mode == "vlan":
        tag = struct.pack(">HH", 0x8100, int(args[0]))
        rewrap(args[1], args[2], lambda frame: [frame[:12] + tag + frame[12:]])
    elif mode == "qinq":
        tags = struct.pack(">HHHH", 0x88A8, int(args[0]), 0x8100, int(args[1]))
        rewrap(args[2], args[3], lambda frame: [frame[:12] + tags + frame[12:]])
    elif mode == "vxlan":
        rewrap(args[1], args[2], lambda frame: [vxlan(frame, int(args[0]))])
    elif mode == "fragments":
        rewrap(args[1], args[2], lambda frame: fragments(frame, int(args[0])))
    elif mode == "pcapng":
        pcapng(*args)
    else:
        sys.exit(__doc__)


def rewrap(source, target, change):
    with open(target, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, ETHERNET))
        for time, frame in frames(source):
            for changed in change(frame):
                out.write(struct.pack("<IIII", *divmod(time, 1_000_000), len(changed), len(changed)) + changed)


def frames(path):
    """The frames of a little-endian microsecond capture, each with its time in microseconds."""
    with open(path, "rb") as file:
        magic, *_, link = struct.unpack("<IHHiIII", file.read(24))
        assert (magic, link) == (0xA1B2C3D4, ETHERNET), path
        while header := file.read(16):
            seconds, micros, captured, _ = struct.unpack("<IIII", header)
            yield seconds * 1_000_000 + micros, file.read(captured)


def vxlan(frame, vni):
    inner = struct.pack(">II", 0x08000000, vni << 8) + frame
    source_port = 49152 + sum(frame[26:34]) % 16384  # from the inner addresses, as RFC 7348 section 4 advises
    udp = struct.pack(">HHHH", source_port, 4789, 8 + len(inner), 0) + inner
    ip = ipv4(bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]), 17, 20 + len(udp))
    return bytes.fromhex("020000ee0002 020000ee0001 0800") + ip + udp


def ipv4(source, destination, protocol, length):
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length, 0, 0x4000, 64, protocol, 0, source, destination)
    return with_checksum(header)


def with_checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header[:10] + b"\0\0" + header[12:]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack(">H", total ^ 0xFFFF) + header[12:]


def fragments(frame, mtu):
    """The last fragment goes first: a stateless look at ports finds none in it."""
    ethernet, header, payload = frame[:14], frame[14:34], frame[34:]
    assert header[0] == 0x45, "IPv4 without options expected"
    if len(header) + len(payload) <= mtu:
        return [frame]
    step = (mtu - 20) // 8 * 8
    identification = sum(frame) & 0xFFFF
    pieces = []
    for start in range(0, len(payload), step):
        piece = payload[start : start + step]
        more = 0x2000 if start + step < len(payload) else 0
        fields = struct.pack(">HHH", 20 + len(piece), identification, more | start // 8)
        pieces.append(ethernet + with_checksum(header[:2] + fields + header[8:]) + piece)
    return pieces[::-1]


def pcapng(first, second, target):
    ethernet, raw = list(frames(first)), list(frames(second))
    shift = ethernet[0][0] - raw[0][0]
    packets = [(time, 0, time * 1000, frame) for time, frame in ethernet]
    packets += [(time + shift, 1, time + shift, frame[14:]) for time, frame in raw]
    with open(target, "wb") as out:
        out.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + option(4, b"rewrap.py") + option(0)))
        out.write(block(1, struct.pack("<HHI", ETHERNET, 0, 0) + option(2, b"server0") + option(9, b"\x09") + option(0)))
        out.write(block(1, struct.pack("<HHI", RAW_IP, 0, 0) + option(2, b"tun0") + option(0)))
        for _, interface, time, frame in sorted(packets, key=lambda packet: packet[:2]):
            fixed = struct.pack("<IIIII", interface, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame))
            out.write(block(6, fixed + padded(frame)))
        out.write(block(0x0BAD, struct.pack("<I", 32473) + b"a custom block, to be skipped   "))


def block(kind, body):
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def option(code, value=b""):
    return struct.pack("<HH", code, len(value)) + padded(value)


def padded(data):
    return data + b"\0" * (-len(data) % 4)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
