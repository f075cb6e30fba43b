#!/usr/bin/env python3
"""Compares the validation of every certificate chain in captures with that of `openssl verify`: trust.py PORTCULLIS CAPTURE...

Both trust the roots of this system, and judge at the time of the packet. Writes a Markdown table: each chain once for each
name that was asked for and each day. Exit status: 0 where all agree or differ for a reason that this script knows, 1 otherwise.
"""

import base64
import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# X509_V_ERR_* by our names.
STATUS = {
    **dict.fromkeys([2, 20, 21], "incomplete_chain"), 7: "bad_signature", 9: "not_yet_valid", 10: "expired",
    18: "self_signed", 19: "untrusted_root", **dict.fromkeys([24, 25, 26, 32, 79], "not_for_server"), 34: "unsupported",
    **dict.fromkeys([47, 48], "name_constraint"), **dict.fromkeys([62, 64], "name_mismatch"),
}
# Where openssl stops, and says no more.
LAST = {"incomplete_chain", "bad_signature", "untrusted_root", "not_for_server", "unsupported", "name_mismatch"}
ROOTS = "/etc/ssl/certs/ca-certificates.crt"


def main(portcullis, captures):
    command = [portcullis, "replay", "--ports", "any", "--no-rules", "--log-certificates", "--trust-store", ROOTS, *captures]
    lines = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.splitlines()
    seen, unexplained, agreed = set(), 0, 0
    print("| capture | name asked for | day | Portcullis | OpenSSL | |\n| --- | --- | --- | --- | --- | --- |")
    for event in map(json.loads, lines):
        chain = event.get("tls", {}).get("chain")
        if event["event_type"] != "tls" or not chain or event["portcullis"]["trust"]["status"] == "not_seen":
            continue
        name, day = event["tls"].get("sni"), event["timestamp"][:10]
        if (key := (*chain, name, day)) in seen:
            continue
        seen.add(key)
        trust = event["portcullis"]["trust"]
        ours = {trust["status"], *trust.get("problems", [])}
        theirs = openssl([base64.b64decode(der) for der in chain], name, seconds(event["timestamp"]))
        agrees = theirs == ours or (theirs & LAST and theirs <= ours)
        reason = "" if agrees else explain(ours, theirs, trust, event["portcullis"]["chain"])
        agreed += bool(agrees)
        unexplained += reason is None
        capture = pathlib.Path(event.get("pcap_filename", "-"))
        place = f"{capture.parent.name}/{capture.name}"
        cells = [place, name or "", day, words(ours), words(theirs), "**not explained**" if reason is None else reason]
        print("| " + " | ".join(cells) + " |")
    print(f"\n{len(seen)} chains: {agreed} agree, {unexplained} differ for no known reason.")
    return 1 if unexplained else 0


def openssl(chain, name, at):
    """What `openssl verify` says of a chain, as a set of our names."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, der in enumerate(chain):
            files.append(pathlib.Path(folder, f"{number}.der"))
            files[-1].write_bytes(der)
        command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-purpose", "sslserver", "-CAfile", ROOTS, "-attime", str(at)]
        if name:
            command += ["-verify_ip" if re.fullmatch(r"[\d.]+|.*:.*", name) else "-verify_hostname", name]
        for file in files[1:]:
            command += ["-untrusted", file]
        ran = subprocess.run([*command, files[0]], capture_output=True, text=True, check=False)
    errors = re.findall(r"^error (\d+) at", ran.stdout + ran.stderr, re.M)
    if errors:
        return {STATUS.get(int(number), f"error {number}") for number in errors}
    return {"valid"} if ": OK" in ran.stdout else {"unparsable"}


def explain(ours, theirs, trust, chain):
    """Why the two differ; None where this script does not know."""
    algorithms = {certificate.get("signature_algorithm", "") for certificate in chain}
    if "unparsable" in ours and "unparsable" in theirs:
        return "we say what can be read of it all the same"
    if "self_signed" in theirs - ours and "incomplete_chain" in ours:
        return "another key of the same name has signed it, as `-check_ss_sig` says too"
    if trust.get("reason") == "lost":
        return "the end of the list was not captured"
    if "weak_signature" in ours and ours - {"weak_signature"} <= theirs | {"weak_signature"} and "incomplete_chain" not in ours:
        return "openssl takes signatures over SHA-1, unless it is asked for a higher security level"
    if ours == {"valid"} and theirs == {"incomplete_chain"}:
        return "the intermediate was seen earlier in the run"
    if any(algorithm.startswith(("ML-DSA", "SLH-DSA")) for algorithm in algorithms):
        return "this openssl does not know post-quantum keys"
    return None


def seconds(timestamp):
    return int(datetime.datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp())


def words(statuses):
    return ", ".join(sorted(statuses))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
