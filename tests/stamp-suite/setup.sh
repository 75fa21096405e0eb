#!/bin/sh
# Builds stamp-suite, an implementation of STAMP that the tests hold ours against, into target/stamp-suite, from
# crates.io, with the versions that its own lock file names. Where it can't be had the tests that need it are skipped.
set -eu

version=1.0.0
place=$(cd "$(dirname "$0")/../.." && pwd -P)/target/stamp-suite
[ ! -e "$place/bin/stamp-suite-$version" ] || exit 0
echo "setup: building stamp-suite $version (about a minute)"
mkdir -p "$place/bin"
# Nobody measures it: fast to build rather than fast.
if CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_PROFILE_RELEASE_STRIP=symbols cargo install --quiet --locked --force --version "$version" \
    --root "$place/install" --target-dir "$place/build" stamp-suite >"$place/log" 2>&1; then
    mv "$place/install/bin/stamp-suite" "$place/bin/stamp-suite-$version"
    rm -rf "$place/install" "$place/build"
else
    tail -n 5 "$place/log" >&2
    echo "setup: could not build stamp-suite; tests that need it will be skipped" >&2
fi
