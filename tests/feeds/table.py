#!/usr/bin/env python3
"""How much of a feed loads, and why the rest does not: the table of docs/rules.md.

    tests/feeds/table.py PORTCULLIS DIR

DIR has the feed's rule files (`*.rules`, at any depth) as it ships them. Rules that it ships disabled, as comments, are
counted too. Prints Markdown; the status is 1 where a rule of protocol tls does not load.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# A rule, or one that is disabled.
RULE = re.compile(r"^(#[ \t]*)?((?:alert|pass|drop|reject)[ \t]+([a-z0-9-]+)[ \t].*)$", re.MULTILINE)
NOT_FOLLOWED = " is not followed yet"
PROTOCOL = re.compile(r"protocol `([^`]*)` is not supported")


def check(portcullis, text):
    """The findings about rules."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "feed.rules")
        file.write_text(text)
        done = subprocess.run([portcullis, "rules", "check", "--json", file], capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def reason(finding):
    """Why a rule does not load, in a word or two."""
    protocol = PROTOCOL.search(finding["message"])
    if protocol:
        return f"protocol `{protocol[1]}`"
    if re.match(r"(http|file|uri)", finding.get("keyword", "")):
        return "what HTTP carries (`http.uri`, `file.data`, `urilen`)"
    return f"`{finding.get('keyword', '')}`: {finding['message']}"


def main(portcullis, folder):
    rows, reasons, in_vain = [], collections.Counter(), collections.Counter()
    for path in sorted(pathlib.Path(folder).rglob("*.rules")):
        rules = list(RULE.finditer(path.read_text(errors="replace")))
        lines = [rule[2] for rule in rules]
        failed = {}
        for finding in check(portcullis, "\n".join(lines) + "\n"):
            if finding["kind"] == "error":
                failed[finding["line"] - 1] = reason(finding)
            elif NOT_FOLLOWED in finding["message"]:
                in_vain[finding["message"].split(NOT_FOLLOWED)[0]] += 1
        reasons.update(failed.values())
        enabled = {i for i, rule in enumerate(rules) if not rule[1]}
        tls = {i for i, rule in enumerate(rules) if rule[3] == "tls"}
        loaded = set(range(len(rules))) - failed.keys()
        counts = [(tls & enabled, loaded), (tls, loaded), (enabled, loaded), (set(range(len(rules))), loaded)]
        rows.append((path.name, [(len(of), len(of & loaded)) for of, loaded in counts]))
    total = [tuple(map(sum, zip(*column))) for column in zip(*(counts for _, counts in rows))]
    print("| file | TLS rules, enabled | with the disabled ones | all rules, enabled | with the disabled ones |")
    print("| --- | --- | --- | --- | --- |")
    for name, counts in [*rows, ("all", total)]:
        print(f"| {name} | " + " | ".join(f"{loaded} of {of}" for of, loaded in counts) + " |")
    print("\n| why rules do not load | how many |\n| --- | --- |")
    for why, count in reasons.most_common():
        print(f"| {why} | {count} |")
    print("\n| loads and never matches, as it is about | how many |\n| --- | --- |")
    for why, count in in_vain.most_common():
        print(f"| {why} | {count} |")
    return 1 if total[1][0] != total[1][1] else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
