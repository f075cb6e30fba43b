#!/usr/bin/env bash
# Makes the Debian package out of a release build: packaging/build.sh [DIR], by default target/debian. It takes cargo-deb, and no network.
# The build has to be there: cargo build --locked --release
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out=$(realpath -m "${1:-$target/debian}")
made=$target/release/package
portcullis=$target/release/portcullis
rm -rf "$made"
"$portcullis" --no-config generate man "$made/man"
"$portcullis" --no-config generate completions "$made/completions"
gzip -9n "$made"/man/*.1
gzip -9nc CHANGELOG.md >"$made/changelog.gz"

# The package has no history beside that of the program.
metadata() { sed -n "s/^$1 = \"\(.*\)\"/\1/p" Cargo.toml | head -n 1; }
gzip -9nc >"$made/changelog.Debian.gz" <<CHANGES
portcullis ($(metadata version)-1) unstable; urgency=medium

  * What has changed in the program stands in changelog.gz.

 -- $(metadata maintainer)  $(date -uR ${SOURCE_DATE_EPOCH:+-d "@$SOURCE_DATE_EPOCH"})
CHANGES
cargo deb --locked --no-build --strip --quiet --output "$out/"
