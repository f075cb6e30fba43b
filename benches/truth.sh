#!/usr/bin/env bash
# Replays benchmark captures and compares the events with their ground truth: truth.sh PORTCULLIS DIR [PROFILE...]
# DIR holds PROFILE.pcap and PROFILE.flows.tsv.gz; without PROFILE, every pair in it. truth.py says what is compared.
# Exit status: 0 all as in the truth, 1 not, 2 asked wrongly.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$1 dir=$2
shift 2
if [ $# -eq 0 ]; then
    for flows in "$dir"/*.flows.tsv.gz; do set -- "$@" "$(basename "$flows" .flows.tsv.gz)"; done
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

failed=0
for profile in "$@"; do
    echo "$profile"
    "$bin" replay -o "$out/eve.ndjson" "$dir/$profile.pcap"
    python3 "$here/truth.py" "$dir/$profile.flows.tsv.gz" "$out/eve.ndjson" || failed=1
    rm -f "$out/eve.ndjson"
done
exit "$failed"
