#!/bin/sh
# Unpacks Debian's package of Prometheus (the server, and promtool) into target/prometheus: installed, it would start a
# server. Without apt-get the tests that need it are skipped.
set -eu

place=$(dirname "$0")/../../target/prometheus
[ -x "$place/usr/bin/promtool" ] && exit
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "setup: no apt-get: Prometheus will not be tried, and alerts will not be checked" >&2
    exit
fi
echo "setup: fetching Debian's package of Prometheus (19 MB)"
rm -rf "$place"
mkdir -p "$place/new"
# What has half of it is not taken for all of it: the name comes last.
if (cd "$place" && apt-get download prometheus && dpkg-deb -x prometheus_*.deb new) >"$place/log" 2>&1; then
    mv "$place/new/usr" "$place/usr"
    rm -r "$place/new" "$place"/prometheus_*.deb
else
    tail -n 5 "$place/log" >&2
    echo "setup: could not fetch it; Prometheus will not be tried, and alerts will not be checked" >&2
fi
