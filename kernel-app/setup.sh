#!/bin/sh
# Brings what the unikernel is built with, once; every step is skipped when its result is there.
#
#   target/guest-toolchain/rustc    a Rust compiler with rust-src that the pinned kernel accepts
#   target/guest-toolchain/ld.lld   rust-lld or ld.lld, for ELF files
#   target/guest-toolchain/lld-link rust-lld or lld-link, for UEFI programs
#   target/hermit-kernel            the Hermit kernel's source, patched
#
# Nothing outside target/ is changed, so a user's own Rust installation stays as it is.
set -eu
cd "$(dirname "$0")/.."

# The newest Rust that Debian 12 has too, so that both ways give the same compiler.
rust=1.96.0
root=$PWD
toolchain=$root/target/guest-toolchain
kernel=$root/target/hermit-kernel
mkdir -p "$toolchain"

say() { echo "setup: $*"; }
die() {
    echo "setup: error: $*" >&2
    exit 1
}

has_source() { [ -f "$1/lib/rustlib/src/rust/library/core/Cargo.toml" ]; }

# quoted TEXT: as a word of a shell script, whatever it holds.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# use_rustc SYSROOT [LIBRARY_PATH]: makes the toolchain in SYSROOT the guest's.
use_rustc() {
    {
        echo '#!/bin/sh'
        [ $# -lt 2 ] || echo "LD_LIBRARY_PATH=$(quoted "$2") export LD_LIBRARY_PATH"
        echo "exec $(quoted "$1/bin/rustc") \"\$@\""
    } >"$toolchain/rustc.new"
    chmod +x "$toolchain/rustc.new"
    "$toolchain/rustc.new" --version >/dev/null || return 1
    mv "$toolchain/rustc.new" "$toolchain/rustc"
    # Found by the old toolchain, and built by it.
    rm -rf "$toolchain/ld.lld" "$toolchain/lld-link"
    rm -rf "$root/target/kernel-app" "$root/target/kernel-app-sockets" "$root/target/loaders"
}

# A toolchain the user has already.
from_installed_rustup() {
    command -v rustup >/dev/null || return 1
    found=$(RUSTUP_AUTO_INSTALL=0 rustup run "$rust" rustc --print sysroot 2>/dev/null) || return 1
    has_source "$found" && use_rustc "$found"
}

# A toolchain of the project's own, in a rustup home under target/.
from_rustup_download() {
    command -v rustup >/dev/null || return 1
    private=$toolchain/rustup
    log=$toolchain/rustup.log
    say "fetching Rust $rust with rust-src into target/ by rustup (some 200 MB, a minute or more)"
    RUSTUP_HOME=$private timeout 300 rustup toolchain install "$rust" \
        --profile minimal --component rust-src --no-self-update >"$log" 2>&1 || return 1
    found=$(RUSTUP_HOME=$private RUSTUP_AUTO_INSTALL=0 rustup run "$rust" rustc --print sysroot)
    has_source "$found" && use_rustc "$found"
}

# Debian 12's packages, unpacked under target/: installed, they would conflict with other Rusts.
# Private package lists, because the system's may be missing, old, or not ours to refresh.
from_debian() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    apt=$toolchain/apt
    log=$toolchain/apt.log
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
    say "fetching Rust $rust from Debian's packages into target/ (some 200 MB, a minute or more)"
    (
        cd "$apt/packages"
        set -- -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=
        apt-get "$@" update &&
            apt-get "$@" download rustc-web libstd-rust-web-1.96 libstd-rust-web-dev \
                rust-web-src libllvm22 libedit2 libbsd0 libmd0 libz3-4 libxml2 libicu72
    ) >"$log" 2>&1 || return 1
    for package in "$apt"/packages/*.deb; do
        dpkg-deb -x "$package" "$toolchain/debian" || return 1
    done
    found=$toolchain/debian/usr
    rm -rf "$apt"
    has_source "$found" && use_rustc "$found" "$found/lib/x86_64-linux-gnu:$found/lib"
}

if [ ! -x "$toolchain/rustc" ] || ! "$toolchain/rustc" --version >/dev/null 2>&1; then
    if from_installed_rustup; then
        say "guest toolchain: rustup's own $rust with rust-src"
    elif from_rustup_download; then
        say "guest toolchain: Rust $rust with rust-src, fetched by rustup into target/"
    elif from_debian; then
        say "guest toolchain: Rust $rust from Debian's packages, unpacked into target/"
    else
        die "no Rust $rust with rust-src: rustup could not fetch it (see $toolchain/rustup.log) and" \
            "Debian's packages could not be had (see $toolchain/apt.log)." \
            "With a network: rustup toolchain install $rust --component rust-src"
    fi
fi

# use_linker NAME FLAVOR: makes LLVM's linker of that flavor target/guest-toolchain/NAME, unless it is there.
use_linker() {
    [ ! -x "$toolchain/$1" ] || return 0
    linker=
    for rustc in "$toolchain/rustc" rustc; do
        candidate=$("$rustc" --print sysroot 2>/dev/null)/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld
        [ ! -x "$candidate" ] || linker=${linker:-$candidate}
    done
    linker=${linker:-$(command -v "$1" || true)}
    [ -n "$linker" ] || die "no linker (rust-lld or $1) found; run: sudo apt-get install lld"
    # rust-lld takes its flavor from a first argument, lld from its name.
    case $linker in *rust-lld) flavor="-flavor $2" ;; *) flavor= ;; esac
    printf '#!/bin/sh\n[ "$1" != -flavor ] || shift 2\nexec %s %s "$@"\n' \
        "$(quoted "$linker")" "$flavor" >"$toolchain/$1"
    chmod +x "$toolchain/$1"
    say "linker of the guest: ${linker##*/} as $1"
}
use_linker ld.lld gnu
use_linker lld-link link

# The kernel's source is made again when its pin or a patch changes.
wanted=$(cat kernel-app/hermit/Cargo.lock kernel-app/hermit/*.patch | sha256sum)
if [ "$(cat "$kernel/.made-from" 2>/dev/null)" != "$wanted" ]; then
    # cargo checks the crate against the checksum in the pin's lock file.
    cargo fetch --quiet --locked --manifest-path kernel-app/hermit/Cargo.toml ||
        die "the Hermit kernel's crate could not be fetched; with a network, run: cargo fetch --manifest-path kernel-app/hermit/Cargo.toml"
    source=$(cargo metadata --offline --locked --format-version 1 --manifest-path kernel-app/hermit/Cargo.toml |
        grep -o '"manifest_path":"[^"]*hermit-kernel-0.11.0/Cargo.toml"' | cut -d '"' -f 4)
    [ -n "$source" ] || die "cargo fetched hermit-kernel but does not say where to"
    rm -rf "$kernel"
    cp -r "$(dirname "$source")" "$kernel"
    for patch in "$root"/kernel-app/hermit/*.patch; do
        # Outside any repository, or git would silently skip files it does not track.
        (cd "$kernel" && GIT_CEILING_DIRECTORIES=$root/target git apply "$patch") ||
            die "$patch does not apply to $kernel"
    done
    echo "$wanted" >"$kernel/.made-from"
    say "Hermit kernel: source copied and patched into target/hermit-kernel"
fi
