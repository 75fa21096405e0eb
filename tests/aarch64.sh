#!/bin/sh
# aarch64.sh TARGET_DIR: checks that what is not of one processor's architecture compiles for another: the libraries,
# the `fathom` command, and the unikernel's library with its tests. Checked and not linked, so neither a linker
# nor a C compiler for that architecture is needed; the standard library is. rustup brings that, once. Where it
# cannot be had, the check is skipped and says so.
set -eu
target=aarch64-unknown-linux-gnu

has_library() { [ -n "$(find "$(rustc --print target-libdir --target $target)" -name 'libstd-*' -print -quit 2>/dev/null)" ]; }

if ! has_library && command -v rustup >/dev/null; then
    echo "setup: fetching Rust's standard library for aarch64 by rustup (some 30 MB)"
    timeout 120 rustup target add $target >/dev/null 2>&1 || true
fi
if ! has_library; then
    echo "lint: skipped: aarch64: no standard library for $target;" \
        "with a network and rustup: rustup target add $target" >&2
    exit
fi

echo "lint: aarch64 (the first time about a minute)"
quiet=$([ -t 2 ] || echo --quiet)
export RUSTFLAGS="-D warnings" CARGO_PROFILE_DEV_DEBUG=false
# shellcheck disable=SC2086 # it may be no word
check() { cargo check $quiet --locked --target $target --target-dir "$directory" "$@"; }
directory=$1/aarch64
check --package wire --package boot-args --package netlink --package host-runner
check --manifest-path kernel-app/Cargo.toml --lib --tests
