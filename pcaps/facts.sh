#!/usr/bin/env bash
# What tshark says of captures: facts.sh FILE... One line each: file, then in the order of the packets the names asked
# for, the versions and cipher suites chosen, and the alerts. README.md has these lines in its table.
set -euo pipefail

for file in "$@"; do
    printf '%s\t' "$(basename "$file")"
    tshark -r "$file" -O tls -V 2>/dev/null | awk '
        function say(what) { all = all (all == "" ? "" : "; ") what }
        function value() { sub(/^[^:]*: /, ""); sub(/ \(.*/, ""); return $0 }
        /Record Layer: |^ +Handshake Protocol: / { if (suite) say(version " " suite); hello = 0; suite = "" }
        /^ +Handshake Protocol: Server Hello$/   { hello = 1 }
        /^ +Handshake Protocol: Hello Retry/     { say("HelloRetryRequest") }
        /SSLv2 Record Layer: Client Hello/       { say("SSLv2-compatible hello") }
        /Server Name: /                          { say("asks for " value()) }
        /Version: / && hello                     { version = value() }
        /Cipher Suite: / && hello                { suite = value() }
        /^ +Description: / && !/Close Notify/    { say("alert " value()) }
        END { if (suite) say(version " " suite); print all == "" ? "no TLS" : all }'
done
