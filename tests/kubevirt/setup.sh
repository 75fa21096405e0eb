#!/bin/sh
# Brings the API types of Kubernetes, KubeVirt, the Prometheus Operator and Grafana from npm into target/kubevirt, with what
# checks files by them. Without npm the test that needs them is skipped.
set -eu

here=$(dirname "$0")
place=$here/../../target/kubevirt
cmp -s "$here/package-lock.json" "$place/package-lock.json" && exit
if ! command -v npm >/dev/null; then
    echo "setup: no npm: files for Kubernetes and Grafana will not be checked" >&2
    exit
fi
echo "setup: fetching the API types of Kubernetes, KubeVirt and Grafana (90 MB)"
rm -rf "$place"
mkdir -p "$place"
cp "$here/package.json" "$place"
# The lock comes last: it says that all is there.
cp "$here/package-lock.json" "$place/npm-shrinkwrap.json"
if (cd "$place" && npm ci --ignore-scripts --no-audit --no-fund) >"$place/log" 2>&1; then
    cp "$here/package-lock.json" "$place/package-lock.json"
else
    tail -n 5 "$place/log" >&2
    echo "setup: could not fetch the API types; files for Kubernetes and Grafana will not be checked" >&2
fi
