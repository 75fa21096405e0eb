#!/bin/sh
# Brings the programs that building and running need from the system: a C linker for the host's
# Rust programs, and QEMU; with the argument `tests`, also tshark, which the tests check captures
# with, and Chromium with a font, which they open the HTML report in. Installs Debian packages when
# run as root; otherwise names the command.
set -eu

packages=
command -v cargo >/dev/null || {
    echo "setup: error: no cargo found; install Rust by rustup (its stable toolchain)" >&2
    exit 1
}
command -v cc >/dev/null || packages="$packages gcc libc6-dev"
[ -n "${FATHOM_QEMU:-}" ] || command -v qemu-system-x86_64 >/dev/null || packages="$packages qemu-system-x86"
[ "${1:-}" != tests ] || command -v tshark >/dev/null || packages="$packages tshark"
[ "${1:-}" != tests ] || command -v chromium >/dev/null || packages="$packages chromium fonts-dejavu-core"
[ -n "$packages" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: error: missing:$packages; run: sudo apt-get install --no-install-recommends$packages" >&2
    exit 1
fi
log=$(mktemp)
# shellcheck disable=SC2086 # the packages are words
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "setup: error: could not install$packages (see $log); run: sudo apt-get install --no-install-recommends$packages" >&2
    exit 1
fi
rm -f "$log"
echo "setup: installed$packages"
