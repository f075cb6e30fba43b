#!/usr/bin/env bash
# Makes the Debian package out of a release build: packaging/build.sh [DIR], by default target/debian. It takes cargo-deb, and no network.
# The build has to be there: cargo build --locked --release
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out=$(realpath -m "${1:-$target/debian}")
made=$target/release/package
rm -rf "$made"
"$target/release/portcullis" --no-config generate man "$made/man"
"$target/release/portcullis" --no-config generate completions "$made/completions"
cargo deb --locked --no-build --quiet --output "$out/"
