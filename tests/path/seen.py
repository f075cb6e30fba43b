#!/usr/bin/env python3
"""Whether a name was seen in what came to port 443, by a capture: as it came, and as any receiver could have put it together.

    seen.py CAPTURE NAME
"""
import struct, sys


def packets(data):
    at = 24
    while at + 16 <= len(data):
        kept = struct.unpack("<I", data[at + 8:at + 12])[0]
        yield data[at + 16:at + 16 + kept]
        at += 16 + kept


def main():
    data, name = open(sys.argv[1], "rb").read(), sys.argv[2].encode()
    flows = {}
    for frame in packets(data):
        at = 14
        while frame[at - 2:at] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
        if frame[at - 2:at] == b"\x08\x00":
            header, end, proto, ends = (frame[at] & 15) * 4, at + struct.unpack("!H", frame[at + 2:at + 4])[0], frame[at + 9], frame[at + 12:at + 20]
            if struct.unpack("!H", frame[at + 6:at + 8])[0] & 0x1FFF:
                continue  # later fragments are looked at as they came
        elif frame[at - 2:at] == b"\x86\xdd":
            header, end, proto, ends = 40, at + 40 + struct.unpack("!H", frame[at + 4:at + 6])[0], frame[at + 6], frame[at + 8:at + 40]
        else:
            continue
        tcp = frame[at + header:end]
        if proto != 6 or len(tcp) < 20 or tcp[2:4] != struct.pack("!H", 443):
            continue
        seq, payload = struct.unpack("!I", tcp[4:8])[0], tcp[(tcp[12] >> 4) * 4:]
        flows.setdefault((ends, tcp[:2]), []).append((seq, payload))
    streams = [data]
    for segments in flows.values():
        streams.append(b"".join(payload for _, payload in segments))
        first, last = {}, {}
        for seq, payload in segments:
            for offset, byte in enumerate(payload):
                first.setdefault(seq + offset, byte)
                last[seq + offset] = byte
        for stream in (first, last):
            streams.append(bytes(stream[place] for place in sorted(stream)))
    print("yes" if any(name in stream for stream in streams) else "no")


main()
