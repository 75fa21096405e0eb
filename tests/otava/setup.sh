#!/bin/sh
# Brings Apache Otava, a change detector that the tests hold `fathom history` against, from PyPI into a virtual
# environment in target/otava. Where it can't be had the test that needs it is skipped.
set -eu

version=0.8.0
place=$(cd "$(dirname "$0")/../.." && pwd -P)/target/otava
[ ! -e "$place/otava-$version" ] || exit 0
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    echo "setup: no python3 with venv: history will not be held against Apache Otava" >&2
    exit
fi
echo "setup: fetching Apache Otava $version"
rm -rf "$place"
mkdir -p "$place"
if { python3 -m venv "$place/venv" && "$place/venv/bin/pip" install --quiet --disable-pip-version-check \
    --only-binary :all: "apache-otava==$version"; } >"$place/log" 2>&1; then
    # The link comes last: it says that all is there.
    ln -s venv/bin/otava "$place/otava-$version"
else
    tail -n 5 "$place/log" >&2
    echo "setup: could not fetch Apache Otava; the test that needs it will be skipped" >&2
fi
