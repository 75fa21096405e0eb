#!/bin/sh
# Brings KubeVirt's and Kubernetes' API types from npm into target/kubevirt, with what checks files by them.
# Without npm the test that needs them is skipped.
set -eu

here=$(dirname "$0")
place=$here/../../target/kubevirt
cmp -s "$here/package-lock.json" "$place/package-lock.json" && exit
if ! command -v npm >/dev/null; then
    echo "setup: no npm: KubeVirt's files will not be checked" >&2
    exit
fi
echo "setup: fetching KubeVirt's API types (60 MB)"
rm -rf "$place"
mkdir -p "$place"
cp "$here/package.json" "$place"
# The lock comes last: it says that all is there.
cp "$here/package-lock.json" "$place/npm-shrinkwrap.json"
if (cd "$place" && npm ci --ignore-scripts --no-audit --no-fund) >"$place/log" 2>&1; then
    cp "$here/package-lock.json" "$place/package-lock.json"
else
    tail -n 5 "$place/log" >&2
    echo "setup: could not fetch KubeVirt's API types; its files will not be checked" >&2
fi
