#!/bin/sh
# Brings the programs that building and running need from the system: a C linker for the host's
# Rust programs, and QEMU; with the argument `tests`, also tshark, which the tests check captures
# with, Chromium with a font, which they open the HTML report in, iproute2, by which they change
# networks of their own, sockperf, which they compare Fathom with, scapy, which speaks STAMP, Prometheus' client
# for Python, which reads metrics, OVMF, which they boot disks with, mtools and qemu-img, which they check disks
# with, and virt-xml-validate: without these the tests that need them are skipped; with the argument `fuzz`, a C++ compiler, which the fuzzer is built with; with the
# argument `coverage`, LLVM's tools for profiles. Installs Debian packages when run as root; otherwise names the command.
set -eu

packages=
command -v cargo >/dev/null || {
    echo "setup: error: no cargo found; install Rust by rustup (its stable toolchain)" >&2
    exit 1
}
command -v cc >/dev/null || packages="$packages gcc libc6-dev"
[ -n "${FATHOM_QEMU:-}" ] || command -v qemu-system-x86_64 >/dev/null || packages="$packages qemu-system-x86"
may_lack=
if [ "${1:-}" = tests ]; then
    command -v tshark >/dev/null || may_lack="$may_lack tshark"
    command -v sockperf >/dev/null || may_lack="$may_lack sockperf"
    /usr/bin/python3 -c 'import scapy.contrib.stamp' 2>/dev/null || may_lack="$may_lack python3-scapy"
    /usr/bin/python3 -c 'import prometheus_client' 2>/dev/null || may_lack="$may_lack python3-prometheus-client"
    command -v ip >/dev/null || may_lack="$may_lack iproute2"
    command -v mcopy >/dev/null || may_lack="$may_lack mtools"
    command -v qemu-img >/dev/null || may_lack="$may_lack qemu-utils"
    command -v virt-xml-validate >/dev/null || may_lack="$may_lack libvirt-clients libxml2-utils"
    [ -e /usr/share/OVMF/OVMF_CODE_4M.fd ] || may_lack="$may_lack ovmf"
    command -v chromium >/dev/null || may_lack="$may_lack chromium fonts-dejavu-core"
fi

[ "${1:-}" != fuzz ] || command -v c++ >/dev/null || packages="$packages g++"
if [ "${1:-}" = coverage ]; then
    # Of the compiler's own version, or they don't read its profiles. Rustup's component takes no root.
    major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    if ! find "$(rustc --print sysroot)/lib/rustlib" -name llvm-cov 2>/dev/null | grep -q . &&
        ! command -v "llvm-cov-$major" >/dev/null; then
        if command -v rustup >/dev/null && rustup component add llvm-tools >/dev/null 2>&1; then
            echo "setup: added rustup's component llvm-tools"
        else
            packages="$packages llvm-$major"
        fi
    fi
fi

# Installs the packages that are named, or says what to run.
install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "setup: missing: $*; run: sudo apt-get install --no-install-recommends $*" >&2
        return 1
    fi
    echo "setup: installing $* (a minute or more)"
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        echo "setup: could not install $*; run: sudo apt-get install --no-install-recommends $*" >&2
        return 1
    fi
    rm -f "$log"
    echo "setup: installed $*"
}

# shellcheck disable=SC2086 # the packages are words
[ -z "$packages" ] || install $packages
# shellcheck disable=SC2086
[ -z "$may_lack" ] || install $may_lack || echo "setup: tests that need these will be skipped" >&2
