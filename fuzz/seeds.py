#!/usr/bin/env python3
"""Makes the fuzz targets' first inputs from the project's own captures: seeds.py (writes fuzz/corpus/TARGET/)."""

import base64
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
                trust_files(path.stem, parts)
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


def trust_files(name, parts):
    """What the other targets of the room of trust read, of an input of the first."""
    answer_end = 2 + struct.unpack_from(">H", parts)[0]
    chain = parts[answer_end + 2 :]
    save("evidence", name, parts[:answer_end] + sct_list())
    leaf = chain[2 : 2 + struct.unpack_from(">H", chain)[0]]
    crl = revocation_list(leaf)
    save("revocation", name, struct.pack(">H", len(crl)) + crl + chain)
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(leaf) + b"-----END CERTIFICATE-----\n"
    for kind, file in enumerate((pem, leaf, crl, LOGS.encode())):
        save("trust_files", f"{name}-{kind}", bytes([kind]) + file)


def sct_list():
    """A list of two SCTs whose signatures are none (RFC 6962 3.3)."""
    sct = struct.pack(">B32sQHBBH4s", 0, bytes(range(32)), 1_750_000_000_000, 0, 4, 3, 4, b"\x30\x02\x02\x00")
    scts = struct.pack(">H", len(sct)) + sct
    return struct.pack(">H", 2 * len(scts)) + 2 * scts


def revocation_list(leaf):
    """A CRL in the name of a certificate's issuer that has the certificate on it, and is not signed by it (RFC 5280 5.1)."""
    fields = list(tlvs(next(tlvs(next(tlvs(leaf))[1]))[1]))
    serial, issuer = [tlv(tag, value) for tag, value in fields if tag in (0x02, 0x30)][0:3:2]
    sha256_rsa = tlv(0x30, bytes.fromhex("06092a864886f70d01010b0500"))
    entry = tlv(0x30, serial + tlv(0x17, b"260301000000Z"))
    number = tlv(0x30, bytes.fromhex("0603551d14") + tlv(0x04, b"\x02\x01\x05"))
    dates = tlv(0x17, b"260501000000Z") + tlv(0x17, b"260701000000Z")
    tbs = tlv(0x30, b"\x02\x01\x01" + sha256_rsa + issuer + dates + tlv(0x30, entry) + tlv(0xA0, tlv(0x30, number)))
    return tlv(0x30, tbs + sha256_rsa + tlv(0x03, b"\x00\x07"))


def tlv(tag, value):
    length = len(value)
    if length < 0x80:
        return bytes([tag, length]) + value
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + value


def tlvs(content):
    at = 0
    while at + 2 <= len(content):
        tag, length, at = content[at], content[at + 1], at + 2
        if length >= 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(content[at : at + size], "big"), at + size
        yield tag, content[at : at + length]
        at += length


LOGS = """{"operators": [{"name": "Example", "logs": [{
  "description": "Pilot", "mmd": 86400, "url": "https://ct.example/", "state": {"retired": {"timestamp": "2026-01-01T00:00:00Z"}},
  "key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEfahLEimAoz2t01p3uMziiLOl/fHTDM0YDOhBRuiBARsV4UvxG2LdNgoIGLrtCzWE0J5APC2em4JlvR8EEEFMoA==",
  "temporal_interval": {"start_inclusive": "2026-01-01T00:00:00Z", "end_exclusive": "2027-01-01T00:00:00Z"}}], "tiled_logs": []}]}"""


def save(target, name, data):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
