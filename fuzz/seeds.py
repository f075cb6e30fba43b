#!/usr/bin/env python3
"""Makes the fuzz targets' first inputs from the project's own captures: seeds.py (writes fuzz/corpus/TARGET/)."""

import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
CAPTURES = HERE.parent / "pcaps"
RULES = HERE.parent / "rules"
ETHERNET, RAW = 0, 1  # as fuzz_targets/decode.rs counts link types


def main():
    rules = [line for path in sorted(RULES.glob("*.rules")) for line in path.read_text().splitlines() if line.startswith("alert ")]
    for number, path in enumerate(sorted(CAPTURES.glob("*.pcap*"))):
        save("pcap_file", path.name, path.read_bytes())
        if path.suffix != ".pcap":
            continue
        conversation = packets = b""
        for frame in ethernet_frames(path.read_bytes()):
            packets += decode_event(ETHERNET, frame) + decode_event(RAW, frame[14:])
            if event := tls_event(frame):
                conversation += event
        if packets:
            save("decode", path.stem, packets)
        if conversation:
            save("tls", path.stem, conversation)
            if parts := trust_parts(conversation):
                save("trust", path.stem, parts)
            few = [rules[(number + n) % len(rules)] for n in range(6)]
            save("rule_session", path.stem, "\n".join(few).encode() + b"\0" + conversation)


def ethernet_frames(capture):
    magic, *_, link = struct.unpack_from("<IHHiIII", capture)
    at = 24
    while (magic, link) == (0xA1B2C3D4, 1) and at < len(capture):
        length = struct.unpack_from("<I", capture, at + 8)[0]
        yield capture[at + 16 : at + 16 + length]
        at += 16 + length


def decode_event(link, frame):
    """A frame as fuzz_targets/decode.rs reads it."""
    return struct.pack(">BH", link, len(frame)) + frame


def tls_event(frame):
    """An event as fuzz_targets/tls.rs reads it, of a segment of plain IPv4 and TCP."""
    if frame[12:14] != b"\x08\x00" or frame[14] != 0x45 or frame[23] != 6:
        return None
    segment = frame[34 : 14 + struct.unpack_from(">H", frame, 16)[0]]
    payload = segment[(segment[12] >> 4) * 4 :]
    from_server = segment[:2] == struct.pack(">H", 443)
    return struct.pack(">BH", from_server, len(payload)) + payload if payload else None


def trust_parts(conversation):
    """What fuzz_targets/trust.rs reads, of the first chain and OCSP answer that servers of a conversation send in order."""
    stream, at = b"", 0
    while at < len(conversation):
        from_server, length = struct.unpack_from(">BH", conversation, at)
        stream += conversation[at + 3 : at + 3 + length] if from_server else b""
        at += 3 + length
    handshake, at = b"", 0
    while at + 5 <= len(stream) and stream[at] == 22 and stream[at + 1] == 3:
        length = struct.unpack_from(">H", stream, at + 3)[0]
        handshake += stream[at + 5 : at + 5 + length]
        at += 5 + length
    chain, answer, at = b"", b"", 0
    while at + 4 <= len(handshake):
        length = int.from_bytes(handshake[at + 1 : at + 4], "big")
        body = handshake[at + 4 : at + 4 + length]
        if handshake[at] == 11 and not chain:
            place = 3
            while place + 3 <= len(body):
                size = int.from_bytes(body[place : place + 3], "big")
                if place + 3 + size > min(len(body), 0xFFFF):
                    break  # bytes that came twice, or not at all
                chain += struct.pack(">H", size) + body[place + 3 : place + 3 + size]
                place += 3 + size
        if handshake[at] == 22 and not answer:
            answer = body[4:]
        at += 4 + length
    return struct.pack(">H", len(answer)) + answer + struct.pack(">H", 0) + chain if chain else None


def save(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
