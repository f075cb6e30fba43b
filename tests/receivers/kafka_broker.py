#!/usr/bin/env python3
"""A broker of Kafka's protocol that keeps what it gets on disk before it says so, and can be as difficult as a real one.

    tests/receivers/kafka_broker.py PORT LOG [--tls DIRECTORY] [--sasl MECHANISM] [--faults SEED]

It leads three partitions of the topic `eve`, alone, and speaks what an idempotent producer asks for: ApiVersions, SaslHandshake, SaslAuthenticate,
Metadata, InitProducerId, Produce. As the real one it refuses batches whose sequence has a gap, and takes one that came before for taken
(KIP-98), also after it was killed and started again: it reads its log then. The user is `portcullis`, the password `$BROKER_PASSWORD`. With faults
it refuses now and then, breaks off, and takes a batch without saying so.
"""

import argparse
import base64
import hashlib
import hmac
import os
import random
import re
import secrets
import socket
import ssl
import struct
import threading
import zlib

USER = "portcullis"
ITERATIONS = 4096
PRODUCE, FETCH, METADATA, FIND_COORDINATOR, HANDSHAKE, VERSIONS, INIT, AUTHENTICATE = 0, 1, 3, 10, 17, 18, 22, 36
# Lowest and highest; librdkafka asks for Fetch and FindCoordinator as a sign that record batches and LZ4 are understood.
SPOKEN = {PRODUCE: (3, 3), FETCH: (4, 4), METADATA: (1, 1), FIND_COORDINATOR: (0, 0), HANDSHAKE: (1, 1), VERSIONS: (0, 0), INIT: (0, 0),
          AUTHENTICATE: (0, 0)}
NOT_LEADER, TIMED_OUT, NOT_ENOUGH_REPLICAS, UNSUPPORTED_MECHANISM, UNSUPPORTED_VERSION, CORRUPT, OUT_OF_ORDER, NO_SUCH_TOPIC, AUTHENTICATION_FAILED = (
    6, 7, 19, 33, 35, 2, 45, 3, 58)
PARTITIONS = 3


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("!" + form, self.data, self.at)
        self.at += struct.calcsize("!" + form)
        return values[0]

    def bytes(self, form="i"):
        length = self.take(form)
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length:self.at]

    def string(self):
        text = self.bytes("h")
        return None if text is None else text.decode()


def string(text):
    return struct.pack("!h", len(text)) + text.encode()


class Log:
    """Batches as they came, each after its partition and length."""

    def __init__(self, path):
        self.lock, self.ends, self.producers = threading.Lock(), [0] * PARTITIONS, {}
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT)
        with open(path, "rb") as file:
            data = file.read()
        at = 0
        for partition, batch in batches(data):
            at += 8 + len(batch)
            self.note(partition, batch)
        os.ftruncate(self.fd, at)  # a torn end
        os.lseek(self.fd, at, os.SEEK_SET)

    def note(self, partition, batch):
        producer, epoch, sequence, count = struct.unpack_from("!qhii", batch, 43)
        base = self.ends[partition]
        self.ends[partition] += count
        self.producers.setdefault((partition, producer, epoch), {})[sequence] = (count, base)

    def append(self, partition, batch):
        """An error, and the offset."""
        magic, producer, epoch, sequence, count = (*struct.unpack_from("!b", batch, 16), *struct.unpack_from("!qhii", batch, 43))
        if magic != 2 or len(batch) != 12 + struct.unpack_from("!i", batch, 8)[0] or producer < 0:
            return CORRUPT, -1
        with self.lock:
            known = self.producers.get((partition, producer, epoch), {})
            if known.get(sequence, (None,))[0] == count:
                return 0, known[sequence][1]  # it came before
            expected = max((first + many for first, (many, _) in known.items()), default=0)
            if sequence != expected:
                return OUT_OF_ORDER, -1
            os.write(self.fd, struct.pack("!ii", partition, len(batch)) + batch)
            base = self.ends[partition]
            self.note(partition, batch)
            return 0, base


def batches(data):
    """The whole batches of a log."""
    at = 0
    while at + 8 <= len(data):
        partition, length = struct.unpack_from("!ii", data, at)
        if at + 8 + length > len(data):
            return
        yield partition, data[at + 8:at + 8 + length]
        at += 8 + length


def payload(batch):
    """The records of a batch, as bytes in which texts can be looked for."""
    kind = struct.unpack_from("!h", batch, 21)[0] & 7
    if kind not in (0, 1):
        raise ValueError(f"compression {kind}: use compress=none or gzip")
    return zlib.decompress(batch[61:], 47) if kind else batch[61:]


def ids(data):
    """The numbers of the ids of all events of a log, in the order of partitions' batches."""
    found = []
    for _, batch in batches(data):
        found += map(int, re.findall(rb'"portcullis":\{"id":"[0-9a-f]+-([0-9]+)"', payload(batch)))
    return found


class Connection:
    def __init__(self, stream, log, options, dice):
        self.stream, self.log, self.options, self.dice = stream, log, options, dice
        self.mechanism, self.is_known, self.scram = None, options.sasl is None, None

    def exact(self, count):
        data = b""
        while len(data) < count:
            more = self.stream.recv(count - len(data))
            if not more:
                raise ConnectionError("the end")
            data += more
        return data

    def serve(self):
        while True:
            request = Reader(self.exact(struct.unpack("!i", self.exact(4))[0]))
            key, version, correlation = request.take("h"), request.take("h"), request.take("i")
            request.string()  # the client's name
            answer = self.answer(key, version, request)
            if answer is None:
                return
            self.stream.sendall(struct.pack("!ii", len(answer) + 4, correlation) + answer)

    def answer(self, key, version, request):
        low, high = SPOKEN.get(key, (0, -1))
        if key == VERSIONS:
            error = 0 if low <= version <= high else UNSUPPORTED_VERSION
            spoken = b"".join(struct.pack("!hhh", api, *versions) for api, versions in SPOKEN.items())
            return struct.pack("!hi", error, len(SPOKEN)) + spoken
        if not low <= version <= high or not (self.is_known or key in (HANDSHAKE, AUTHENTICATE)):
            return None
        answers = {PRODUCE: self.produce, METADATA: self.metadata, HANDSHAKE: self.handshake, INIT: self.init, AUTHENTICATE: self.authenticate}
        return answers[key](request) if key in answers else None

    def metadata(self, request):
        count = request.take("i")
        topics = [request.string() for _ in range(count)] if count >= 0 else ["eve"]
        out = struct.pack("!ii", 1, 1) + string("localhost") + struct.pack("!i", self.options.port) + struct.pack("!h", -1)
        out += struct.pack("!ii", 1, len(topics))
        for topic in topics:
            known = topic == "eve"
            out += struct.pack("!h", 0 if known else NO_SUCH_TOPIC) + string(topic) + struct.pack("!bi", 0, PARTITIONS if known else 0)
            for partition in range(PARTITIONS if known else 0):
                out += struct.pack("!hiiiiii", 0, partition, 1, 1, 1, 1, 1)
        return out

    def handshake(self, request):
        self.mechanism = request.string()
        good = self.mechanism == self.options.sasl
        return struct.pack("!hi", 0 if good else UNSUPPORTED_MECHANISM, 1) + string(self.options.sasl or "")

    def authenticate(self, request):
        said = request.bytes()
        try:
            answer = self.plain(said) if self.mechanism == "PLAIN" else self.scrammed(said)
        except (ValueError, KeyError):
            return struct.pack("!h", AUTHENTICATION_FAILED) + string("Authentication failed") + struct.pack("!i", 0)
        return struct.pack("!hhi", 0, -1, len(answer)) + answer

    def plain(self, said):
        _, user, password = said.split(b"\0")
        if (user.decode(), password.decode()) != (USER, os.environ["BROKER_PASSWORD"]):
            raise ValueError
        self.is_known = True
        return b""

    def scrammed(self, said):
        """RFC 5802, without channel binding."""
        digest = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}[self.mechanism]
        if self.scram is None:
            bare = said.decode().removeprefix("n,,")
            fields = dict(part.split("=", 1) for part in bare.split(","))
            if fields["n"] != USER:
                raise ValueError
            salt = secrets.token_bytes(16)
            first = f"r={fields['r']}{secrets.token_hex(8)},s={base64.b64encode(salt).decode()},i={ITERATIONS}"
            self.scram = (salt, bare, first)
            return first.encode()
        salt, bare, first = self.scram
        without_proof, _, proof = said.decode().rpartition(",p=")
        if f"c=biws,{first.split(',')[0]}" != without_proof:
            raise ValueError
        salted = hashlib.pbkdf2_hmac(digest, os.environ["BROKER_PASSWORD"].encode(), salt, ITERATIONS)
        mac = lambda key, text: hmac.new(key, text, digest).digest()
        message = f"{bare},{first},{without_proof}".encode()
        stored = hashlib.new(digest, mac(salted, b"Client Key")).digest()
        key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), mac(stored, message)))
        if hashlib.new(digest, key).digest() != stored:
            raise ValueError
        self.is_known = True
        return b"v=" + base64.b64encode(mac(mac(salted, b"Server Key"), message))

    def init(self, _):
        return struct.pack("!ihqh", 0, 0, secrets.randbits(62), 0)

    def produce(self, request):
        request.string()
        request.take("h"), request.take("i")
        fate, out = self.dice.random() if self.dice else 1, b""
        topics = request.take("i")
        for _ in range(topics):
            topic, partitions = request.string(), request.take("i")
            out += string(topic) + struct.pack("!i", partitions)
            for _ in range(partitions):
                partition, batch = request.take("i"), request.bytes()
                if topic != "eve" or partition >= PARTITIONS:
                    error, base = NO_SUCH_TOPIC, -1
                elif fate < 0.04:
                    error, base = [NOT_LEADER, TIMED_OUT, NOT_ENOUGH_REPLICAS, NOT_ENOUGH_REPLICAS][int(fate * 100)], -1
                else:
                    error, base = self.log.append(partition, batch)
                out += struct.pack("!ihqq", partition, error, base, -1)
        if 0.04 <= fate < 0.06:
            return None  # taken, and not said
        return struct.pack("!i", topics) + out + struct.pack("!i", 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("log")
    parser.add_argument("--tls")
    parser.add_argument("--sasl")
    parser.add_argument("--faults", type=int)
    options = parser.parse_args()
    log, dice, context = Log(options.log), random.Random(options.faults) if options.faults is not None else None, None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{options.tls}/server.pem", f"{options.tls}/server.key")
    listener = socket.create_server(("127.0.0.1", options.port))

    def serve(stream):
        try:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(stream, server_side=True) if context else stream as stream:
                Connection(stream, log, options, dice).serve()
        except OSError:
            pass

    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()
