#!/usr/bin/env python3
"""Holds what the corpus checkers found against the list of known differences.

    compare.py known.tsv OUT

OUT holds runs.txt, facts.json and rules.txt as run.sh writes them. A line of known.tsv is WHERE, WHAT and REASON, separated
by tabs; a `*` at the end of WHERE or WHAT stands for anything. The places and names are those that this script prints:

    source/capture #3        ja4        a fact of session 3 of a capture differs, or its event is missing (`session`)
    source/capture [test]    {...}      an event filter of a test of the capture's own project does not match as it should
    source/capture           exit       replay ended with a non-zero status
    rules/test               {...}      an event filter of a rule test does not match as it should
    everywhere               ja4s       no event has a field for this fact

Exit status: 0 nothing new and nothing stale, 1 otherwise.
"""

import json
import os
import re
import sys

EVERYWHERE = "everywhere"


def main(known_path, out):
    known = read_known(known_path)
    used = set()
    new = []
    differences = [*runs(out), *facts(out), *rules(out), *lines(out)]
    for where, what, detail in differences:
        matching = {entry for entry in known if covers(entry[0], where) and covers(entry[1], what)}
        used |= matching
        if not matching:
            new.append((where, what, detail))

    # Which facts have a field depends on how the binary was built (the feature `ja4plus`): such a line cannot be stale.
    stale = [entry for entry in known if entry not in used and entry[0] != EVERYWHERE]
    for where, what, detail in new:
        print(f"NEW    {where}\t{what}\t{detail}")
    for where, what, reason in stale:
        print(f"STALE  {where}\t{what}\t{reason}")
    print(f"{passes(out)} facts and filters right, {len(differences) - len(new)} known differences, {len(new)} new, {len(stale)} stale")
    sys.exit(1 if new or stale else 0)


def read_known(path):
    entries = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip() and not line.startswith("#"):
                fields = tuple(line.rstrip("\n").split("\t"))
                if len(fields) != 3 or not all(fields):
                    sys.exit(f"{path}:{number}: expected WHERE, WHAT and REASON, separated by tabs")
                entries.append(fields)
    return entries


def covers(pattern, value):
    return value.startswith(pattern[:-1]) if pattern.endswith("*") else value == pattern


def runs(out):
    """Runs of replay that failed: `exit 1 on CAPTURE: MESSAGE`, `exit on rules test NAME: MESSAGE`."""
    for line in read(out, "runs.txt"):
        if match := re.match(r"exit on rules test ([^:]+): ?(.*)", line):
            yield f"rules/{match.group(1)}", "exit", match.group(2)
        elif match := re.match(r"exit \d+ on ([^:]+): ?(.*)", line):
            yield match.group(1), "exit", match.group(2)


def facts(out):
    result = json.loads("".join(read(out, "facts.json")))
    for fact, counts in result["counts"].items():
        if counts.get("unsupported"):
            yield EVERYWHERE, fact, f"{counts['unsupported']} facts without a field"
    for fact, cases in result["fails"].items():
        for place, expected, got, *_ in cases:
            if fact == "sv-event":  # here the second value is the filter
                yield place, expected, got
            else:
                yield place.rsplit(" ", 1)[0], fact, f"expected {json.dumps(expected)}, got {json.dumps(got)}"


def rules(out):
    """Filters of rule tests that failed: `FAIL TEST [TIER] {FILTER} -> matched N`."""
    found = read(out, "rules.txt")
    if not any(line.startswith("filters:") for line in found):
        sys.exit(f"{out}/rules.txt: the checker did not finish")
    for line in found:
        if match := re.match(r"FAIL (\S+) \[\w+\] (.*) -> matched (.*)", line):
            yield f"rules/{match.group(1)}", match.group(2), f"matched {match.group(3)}"


def lines(out):
    """Output that is not JSON line by line, which the checkers pass over."""
    for folder in ("eve", "rules"):
        for root, _, names in os.walk(os.path.join(out, folder)):
            for name in names:
                path = os.path.join(root, name)
                where = os.path.relpath(path, out).removeprefix("eve/").removesuffix(".ndjson")
                with open(path, "rb") as file:
                    for number, line in enumerate(file, 1):
                        try:
                            json.loads(line.decode("utf-8"))
                        except ValueError as error:
                            yield where, "json", f"line {number}: {error}"


def passes(out):
    result = json.loads("".join(read(out, "facts.json")))
    filters = (re.match(r"  \S+ +\S+ +pass +(\d+) +fail", line) for line in after(read(out, "rules.txt"), "filters:"))
    return sum(counts.get("pass", 0) for counts in result["counts"].values()) + sum(int(match.group(1)) for match in filters if match)


def after(found, heading):
    return found[next(number for number, line in enumerate(found) if line.startswith(heading)) :]


def read(out, name):
    with open(os.path.join(out, name), encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
