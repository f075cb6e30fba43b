#!/usr/bin/env python3
"""Compares replay's events with what the generator of a benchmark capture knows to be in it.

    truth.py PROFILE.flows.tsv.gz EVE.ndjson

The truth is one line per TLS flow, tab-separated: client_ip, client_port, server_ip, server_port, sni, has_sh (a whole
ServerHello is in the capture), version, n_certs, has_ch (a whole ClientHello is), n_client_certs, notes. Compared are,
flow by flow: exactly one tls event, the SNI, the version, and how many certificates the server and the client sent. A
tls event on a flow that the truth does not know is a failure too.

Left out are flows with neither hello whole, and those noted snap (packets captured in part), nostart (its first packets
are missing) and reccut (a message is whole, the record around it is not): there the truth is a matter of opinion.

Exit status: 0 all as in the truth, 1 not, 2 nothing to compare.
"""

import collections
import gzip
import ipaddress
import json
import re
import sys

LEFT_OUT = {"snap", "nostart", "reccut"}
SHOWN = 10


def main(truth, eve):
    events = tls_events(eve)
    failures = collections.defaultdict(list)
    passed = flows = 0
    known = set()
    for row in rows(truth):
        known.add(row.key)
        if LEFT_OUT & row.notes or not (row.client_hello or row.server_hello):
            continue
        flows += 1
        for what, wanted, got in comparisons(row, events.get(row.key, [])):
            if wanted == got:
                passed += 1
            else:
                failures[what].append(f"{row.where}: {wanted} in the capture, {got} in the events")
    for key in events.keys() - known:
        failures["unknown flow"].append(" ".join(f"{ip}:{port}" for ip, port in sorted(key)))

    for what, cases in failures.items():
        print(f"{what}: {len(cases)} wrong")
        for case in cases[:SHOWN]:
            print(f"    {case}")
    failed = sum(map(len, failures.values()))
    print(f"{flows} flows, {passed} facts right, {failed} wrong")
    sys.exit(2 if not flows else 1 if failed else 0)


class Row:
    def __init__(self, line):
        (client, client_port, server, server_port, sni, server_hello, version, certificates,
         client_hello, client_certificates, notes) = line.rstrip("\n").split("\t")
        self.key = flow_key((client, client_port), (server, server_port))
        self.where = f"{client} {client_port} > {server} {server_port} [{notes}]"
        self.sni = sni
        self.version = canonical(version)
        self.client_hello, self.server_hello = client_hello == "1", server_hello == "1"
        self.certificates, self.client_certificates = int(certificates), int(client_certificates)
        self.notes = set(notes.split(","))


def rows(path):
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if not line.startswith("#"):
                yield Row(line)


def tls_events(path):
    """The tls events of each flow, by its two endpoints in either order."""
    found = collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event["event_type"] == "tls":
                key = flow_key((event["src_ip"], event["src_port"]), (event["dest_ip"], event["dest_port"]))
                found[key].append(event)
    return found


def flow_key(one, other):
    return frozenset((str(ipaddress.ip_address(ip)), int(port)) for ip, port in (one, other))


def comparisons(row, events):
    """What to compare: (kind of fact, value in the truth, value in the events)."""
    yield "event", 1, len(events)
    if not events:
        return
    tls, own = events[0].get("tls", {}), events[0].get("portcullis", {})
    if row.client_hello:
        yield "sni", row.sni, tls.get("sni", "-")
    if row.server_hello:
        yield "version", row.version, canonical(tls.get("version", "-"))
    yield "certificates", row.certificates, len(own.get("chain_sha256", []))
    yield "client certificates", row.client_certificates, len(own.get("client_chain_sha256", []))


def canonical(version):
    """One spelling for the truth's and EVE's: `TLSv1.2` and `TLS 1.2`, `TLSv1` and `TLS 1.0`, drafts by their number."""
    if number := re.search(r"0x(7[ef])([0-9a-f]{2})", version):
        branch, draft = number.groups()
        return f"1.3 draft-{int(draft, 16)}" if branch == "7f" else f"0x{branch}{draft}"
    if draft := re.search(r"1\.3.*draft-(\d+)", version):
        return f"1.3 draft-{draft.group(1)}"
    version = re.sub(r"^TLS ?v?", "", version)
    return "1.0" if version == "1" else version


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
