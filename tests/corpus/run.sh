#!/usr/bin/env bash
# Runs a conformance corpus and judges the result against known.tsv: run.sh PORTCULLIS CORPUS OUT
# CORPUS (or $PORTCULLIS_CORPUS) is a directory of captures with facts by independent oracles and with its own tools:
# tools/run.sh makes the events, tools/check.py and tools/check_rules.py compare them. OUT takes the events and what the
# checkers say. A failure that known.tsv does not list fails the run, and so does a line there that fails no longer.
# options.tsv has the flags of tests whose own configuration asks for them.
# Out of scope for now and left out: QUIC, and TLS that starts after another protocol (STARTTLS, CONNECT, SOCKS).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(realpath "${1:?portcullis binary}")
corpus=$(realpath "${2:-${PORTCULLIS_CORPUS:?corpus directory}}")
out=${3:?output directory}
mkdir -p "$out"
out=$(realpath "$out")
rm -rf "$out/eve" "$out/rules" "$out"/{runs,facts,rules}.txt "$out/facts.json"

# A checker exits with 1 where something differs, which is for compare.py to judge.
judged() { "$@" || [ $? -eq 1 ]; }

bash "$corpus/tools/run.sh" "$bin" "$corpus" "$out" >"$out/runs.txt" </dev/null
while IFS=$'\t' read -r test flags; do
    [[ -d $corpus/rules-tests/$test && $test != \#* ]] || continue
    rules=(--no-rules)
    [[ -f $corpus/rules-tests/$test/test.rules ]] && rules=(--rules "$corpus/rules-tests/$test/test.rules")
    # shellcheck disable=SC2086 # several words
    "$bin" replay --ports any "${rules[@]}" $flags -o "$out/rules/$test.ndjson" "$corpus/rules-tests/$test"/input.pcap* \
        2>>"$out/log" </dev/null || echo "exit on rules test $test: with $flags" >>"$out/runs.txt"
done <"$here/options.tsv"
judged python3 "$corpus/tools/check.py" --no-quic --no-starttls --max-fail 0 --json "$out/facts.json" "$out/eve" >"$out/facts.txt"
judged python3 "$corpus/tools/check_rules.py" --tier all --max-fail 100000 "$out/rules" >"$out/rules.txt"
tail -n 1 "$out/runs.txt"
python3 "$here/compare.py" "$here/known.tsv" "$out"
