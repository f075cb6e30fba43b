#!/usr/bin/env python3
"""A TLS client with a TCP of its own, which sends the hello in crooked ways. Prints JSON: how far it came.

    client.py INTERFACE GATEWAY_MAC SOURCE DESTINATION WAY NAME PATH
"""
import hashlib, json, random, socket, ssl, struct, sys, time

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Tcp:
    """One connection, over frames of an AF_PACKET socket. The kernel does not know the source address, so that it does not answer."""

    def __init__(self, interface, gateway, source, destination):
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.wire.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE: nothing is lost here
        self.wire.bind((interface, 0))
        self.v6 = ":" in source
        family = socket.AF_INET6 if self.v6 else socket.AF_INET
        self.source, self.destination = socket.inet_pton(family, source), socket.inet_pton(family, destination)
        mac = bytes.fromhex(open(f"/sys/class/net/{interface}/address").read().strip().replace(":", ""))
        self.link = bytes.fromhex(gateway.replace(":", "")) + mac + (b"\x86\xdd" if self.v6 else b"\x08\x00")
        self.port, self.isn, self.id = random.randint(20000, 60000), random.getrandbits(32), 0
        self.sent, self.una, self.rcv = 0, 0, None  # offsets from the first byte; the peer's next number
        self.ahead, self.closed, self.reset = {}, False, False
        self.extensions = ()  # in front of TCP, in IPv6
        self.out = b""  # the stream, from its first byte

    def packet(self, offset, flags, payload=b"", good=True, fragment=0, options=b""):
        seq = (self.isn + 1 + offset) & 0xFFFFFFFF
        ack = self.rcv or 0
        header = struct.pack("!HHIIBBHHH", self.port, 443, seq, ack if flags & ACK else 0, (5 + len(options) // 4) << 4, flags, 65535, 0, 0)
        segment = header + options + payload
        pseudo = self.source + self.destination + (struct.pack("!IHBB", len(segment), 0, 0, 6) if self.v6 else struct.pack("!BBH", 0, 6, len(segment)))
        total = checksum(pseudo + segment) if good else 0x1234
        segment = segment[:16] + struct.pack("!H", total) + segment[18:]
        self.id = (self.id + 1) & 0xFFFF
        size = fragment or len(segment)
        for at in range(0, len(segment), size):
            part = segment[at:at + size]
            more = at + size < len(segment)
            if self.v6:
                headers, proto = b"", 6
                if fragment:
                    headers, proto = struct.pack("!BBHI", proto, 0, at | more, self.id), 44
                for extension in self.extensions:
                    # One option of each, which says nothing: PadN.
                    headers, proto = struct.pack("!BBBB4x", proto, 0, 1, 4) + headers, extension
                ip = struct.pack("!IHBB", 6 << 28, len(headers) + len(part), proto, 64) + self.source + self.destination + headers
            else:
                ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(part), self.id, (0x2000 if more else 0) | at // 8, 64, 6, 0) + self.source + self.destination
                ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
            self.wire.send(self.link + ip + part)

    def poll(self, until):
        """Takes in what comes until then; answers the bytes that are in order, once there are some."""
        got = b""
        while not got and not self.closed and not self.reset and time.time() < until:
            self.wire.settimeout(max(0.01, min(0.2, until - time.time())))
            try:
                frame = self.wire.recv(70000)
            except (TimeoutError, socket.timeout):
                continue
            at = 14
            while frame[at - 2:at] in (b"\x81\x00", b"\x88\xa8"):
                at += 4
            if frame[:6] != self.link[6:12]:
                continue
            if frame[at - 2:at] == b"\x08\x00" and not self.v6:
                length = struct.unpack("!H", frame[at + 2:at + 4])[0]
                ip_header, proto, peer = (frame[at] & 15) * 4, frame[at + 9], frame[at + 12:at + 16]
                end = at + length
            elif frame[at - 2:at] == b"\x86\xdd" and self.v6:
                ip_header, proto, peer = 40, frame[at + 6], frame[at + 8:at + 24]
                end = at + 40 + struct.unpack("!H", frame[at + 4:at + 6])[0]
            else:
                continue
            if proto != 6 or peer != self.destination:
                continue
            tcp = frame[at + ip_header:end]
            source, port, seq, ack, off, flags = struct.unpack("!HHIIBB", tcp[:14])
            if source != 443 or port != self.port:
                continue
            if flags & RST:
                self.reset = True
                break
            if flags & ACK:
                acked = (ack - self.isn - 1) & 0xFFFFFFFF
                if acked < 1 << 30:
                    self.una = max(self.una, acked)
            if flags & SYN:
                self.rcv = (seq + 1) & 0xFFFFFFFF
                return b"SYN"
            if self.rcv is None:
                continue
            payload = tcp[(off >> 4) * 4:]
            ahead = (seq - self.rcv) & 0xFFFFFFFF
            if ahead < 1 << 30 and (payload or flags & FIN):
                self.ahead[seq] = (payload, flags & FIN)
            while self.rcv in self.ahead:
                part, fin = self.ahead.pop(self.rcv)
                got += part
                self.rcv = (self.rcv + len(part) + (1 if fin else 0)) & 0xFFFFFFFF
                self.closed |= bool(fin)
            if payload or flags & FIN:
                self.packet(self.sent, ACK)
        return got

    def connect(self, until):
        while self.rcv is None and time.time() < until:
            self.packet(-1, SYN, options=b"\x02\x04\x05\xb4")
            self.poll(min(until, time.time() + 1))
        if self.rcv is not None:
            self.packet(0, ACK)
        return self.rcv is not None

    def send(self, data):
        for at in range(0, len(data), 1400):
            self.packet(self.sent + at, ACK | PSH, data[at:at + 1400])
        self.out += data
        self.sent += len(data)

    def again(self):
        """Sends what was not acknowledged."""
        for at in range(self.una, self.sent, 1400):
            self.packet(at, ACK | PSH, self.out[at:min(at + 1400, self.sent)])


def pieces(hello, size):
    return [(at, hello[at:at + size]) for at in range(0, len(hello), size)]


def say_hello(tcp, way, hello, decoy):
    """Sends the hello. `decoy` is one of the same length with another name."""
    send = lambda at, data, **more: tcp.packet(at, ACK | PSH, data, **more)
    if way == "bytes":
        plan = pieces(hello, 1)
    elif way == "reversed":
        plan = pieces(hello, 40)[::-1]
    elif way == "reversed-bytes":
        plan = pieces(hello, 1)[::-1]
    elif way == "twice":
        plan = [piece for piece in pieces(hello, 50) for _ in (0, 1)]
    elif way == "overlap":
        plan = [(at, hello[at:at + 60]) for at in range(0, len(hello), 30)]
    elif way in ("decoy", "decoy-ahead"):
        cut = 10 if way == "decoy-ahead" else 0
        send(cut, decoy[cut:], good=False)  # the server drops it, by its checksum
        plan = [(cut, hello[cut:]), (0, hello)]
    elif way == "rewrite":
        send(10, decoy[10:])  # which of the two copies counts is the receiver's choice
        plan = [(10, hello[10:]), (0, hello[:10])]
    elif way == "reset":
        tcp.packet(0, RST | ACK, good=False)
        plan = pieces(hello, 100)
    elif way == "syn":
        tcp.packet(90000, SYN, good=False)
        plan = pieces(hello, 100)
    elif way == "fin":
        tcp.packet(0, FIN | ACK, good=False)
        plan = pieces(hello, 100)
    elif way == "extensions":
        tcp.extensions = (60, 0)  # options for the destination, and for each hop
        plan = pieces(hello, 100)
    elif way == "fragments":
        for at, data in pieces(hello, 200):
            send(at, data, fragment=64)
        plan = []
    elif way == "records":
        plan = pieces(hello, 7)
    else:
        plan = pieces(hello, 1400 if way == "plain" else 100)
    for at, data in plan:
        send(at, data)
    tcp.out, tcp.sent = hello, len(hello)


def recut(hello, size):
    """The hello's one record in records of `size` bytes."""
    body = hello[5:]
    return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(body[at:at + size])) + body[at:at + size] for at in range(0, len(body), size))


def main():
    interface, gateway, source, destination, way, name, path = sys.argv[1:8]
    patience = 2.5 if "evil" in name else 40
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    tcp = Tcp(interface, gateway, source, destination)
    result = {"connected": tcp.connect(time.time() + 20), "answered": False, "handshake": False, "bytes": 0}
    until = time.time() + patience
    if result["connected"]:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        hello = outgoing.read()
        good = b"good.example".ljust(len(name), b"x")[:len(name)]
        decoy = hello.replace(name.encode(), good)
        if way == "records":
            hello = recut(hello, 3)
        say_hello(tcp, way, hello, decoy)
        digest, body, request, last = hashlib.sha256(), b"", False, time.time()
        while time.time() < until and not tcp.reset and not tcp.closed:
            data = tcp.poll(min(until, time.time() + 0.3))
            if data:
                result["answered"] = True
                incoming.write(data)
            elif tcp.una < tcp.sent and time.time() - last > 0.6:
                last = time.time()
                tcp.again()
            try:
                if not result["handshake"]:
                    tls.do_handshake()
                    result["handshake"] = True
                if not request:
                    request = True
                    tls.write(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                while True:
                    part = tls.read(65536)
                    if not part:
                        break
                    body += part
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                pass
            except ssl.SSLError as error:
                result["error"] = str(error)
                break
            out = outgoing.read()
            if out:
                tcp.send(out)
        body = body.partition(b"\r\n\r\n")[2]
        digest.update(body)
        result.update(bytes=len(body), sha256=digest.hexdigest(), reset=tcp.reset)
        tcp.packet(tcp.sent, RST | ACK)
    print(json.dumps(result))


main()
