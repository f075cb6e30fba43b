#!/usr/bin/env python3
"""What came to port 443, by a capture: as it came, and as any receiver could have put it together.

    seen.py CAPTURE NAME

Prints JSON: whether NAME is `anywhere`, and each of the `conversations` by client and server, with its `packets`, the `bytes` of its stream, those
in its SYNs (`syn`), and whether it has the name (`named`).
"""
import json, socket, struct, sys

TCP, UDP = 6, 17


def frames(data):
    at = 24
    while at + 16 <= len(data):
        kept = struct.unpack("<I", data[at + 8:at + 12])[0]
        yield data[at + 16:at + 16 + kept]
        at += 16 + kept


def whole(parts):
    """What fragments say together, if none is missing: where they contradict each other, by the first and by the last."""
    ends = [at + len(bytes_) for at, more, bytes_ in parts if not more]
    readings = []
    for order in (parts, parts[::-1]):
        got = {}
        for at, _, bytes_ in order:
            for offset, byte in enumerate(bytes_):
                got.setdefault(at + offset, byte)
        if ends and len(got) == max(ends):
            readings.append(bytes(got[place] for place in range(max(ends))))
    return sorted(set(readings))


def datagrams(data):
    """Each IP datagram: protocol, source, destination, payload."""
    waiting = {}

    def fragment(key, at, more, part):
        parts = waiting.setdefault(key, [])
        parts.append((at, more, part))
        found = whole(parts)
        if found:
            del waiting[key]
        return found

    for frame in frames(data):
        at = 14
        while frame[at - 2:at] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
        if frame[at - 2:at] == b"\x08\x00":
            end, place, proto = at + struct.unpack("!H", frame[at + 2:at + 4])[0], struct.unpack("!H", frame[at + 6:at + 8])[0], frame[at + 9]
            source, destination, payload = frame[at + 12:at + 16], frame[at + 16:at + 20], frame[at + (frame[at] & 15) * 4:end]
            found = [payload]
            if place & 0x3FFF:
                key = (source, destination, frame[at + 4:at + 6], proto)
                found = fragment(key, (place & 0x1FFF) * 8, bool(place & 0x2000), payload)
        elif frame[at - 2:at] == b"\x86\xdd":
            proto, source, destination = frame[at + 6], frame[at + 8:at + 24], frame[at + 24:at + 40]
            found = [frame[at + 40:at + 40 + struct.unpack("!H", frame[at + 4:at + 6])[0]]]
            while found and proto in (0, 43, 44, 60):
                payload = found[0]
                if proto == 44:
                    place = struct.unpack("!H", payload[2:4])[0]
                    found = fragment((source, destination, payload[4:8]), place & 0xFFF8, bool(place & 1), payload[8:])
                else:
                    found = [payload[(payload[1] + 1) * 8:]]
                proto = payload[0]
        else:
            continue
        for payload in found:
            yield proto, source, destination, payload


def without_records(stream):
    """What a stream's TLS records say, without their headers."""
    at, body = 0, b""
    while stream[at:at + 1] in (b"\x14", b"\x15", b"\x16", b"\x17") and at + 5 <= len(stream):
        size = struct.unpack("!H", stream[at + 3:at + 5])[0]
        body += stream[at + 5:at + 5 + size]
        at += 5 + size
    return body


def streams(segments):
    """The bytes of one direction, put together in each way that a receiver could."""
    origin = segments[0][0]
    first, last = {}, {}
    for seq, payload in segments:
        start = (seq - origin + (1 << 31)) % (1 << 32)
        for offset, byte in enumerate(payload):
            first.setdefault(start + offset, byte)
            last[start + offset] = byte
    ways = [b"".join(payload for _, payload in segments)] + [bytes(way[place] for place in sorted(way)) for way in (first, last)]
    return len(first), ways + [without_records(way) for way in ways]


def main():
    data, name = open(sys.argv[1], "rb").read(), sys.argv[2].encode()
    flows = {}
    for proto, source, destination, payload in datagrams(data):
        header = {TCP: 20, UDP: 8}.get(proto)
        if header is None or len(payload) < header or payload[2:4] != struct.pack("!H", 443):
            continue
        flow = flows.setdefault((proto, source, payload[:2], destination), {"packets": 0, "syn": 0, "segments": []})
        flow["packets"] += 1
        if proto == TCP:
            seq, is_syn, payload = struct.unpack("!I", payload[4:8])[0], payload[13] & 2, payload[(payload[12] >> 4) * 4:]
            flow["syn"] += len(payload) if is_syn else 0
            flow["segments"].append((seq + 1 if is_syn else seq, payload))
        else:
            flow["segments"].append((sum(len(other) for _, other in flow["segments"]), payload[8:]))
    anywhere, conversations = name in data, []
    for (proto, source, port, destination), flow in flows.items():
        size, ways = streams(flow["segments"])
        named = any(name in way for way in ways)
        anywhere |= named
        family = socket.AF_INET if len(source) == 4 else socket.AF_INET6
        conversations.append({
            "protocol": "tcp" if proto == TCP else "udp", "client": socket.inet_ntop(family, source), "port": struct.unpack("!H", port)[0],
            "server": socket.inet_ntop(family, destination), "packets": flow["packets"], "bytes": size, "syn": flow["syn"], "named": named,
        })
    print(json.dumps({"anywhere": anywhere, "conversations": conversations}))


main()
