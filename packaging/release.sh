#!/bin/sh
# release.sh FATHOM: packs FATHOM, a static program, and what it boots into dist/fathom-VERSION-x86_64-linux.tar.gz.
#
# The archive holds one directory, laid out as install.sh says, with a container recipe beside bin/ and share/. The
# same files make the same bytes: names are sorted, owners are numbers, and every time is that of the commit, or
# SOURCE_DATE_EPOCH.
set -eu
cd "$(dirname "$0")/.."
fathom=$1
version=$("$fathom" --version | cut -d ' ' -f 2)
name=fathom-$version-x86_64-linux
stage=target/release-archive
time=${SOURCE_DATE_EPOCH-$(git log -1 --format=%ct 2>/dev/null || true)}
[ -n "$time" ] || {
    echo "release: error: there is no commit here to take the time from: set SOURCE_DATE_EPOCH, in seconds since 1970" >&2
    exit 1
}

rm -rf "$stage"
mkdir -p "$stage/$name" dist
FATHOM_KERNEL=no sh packaging/install.sh "$stage/$name" "$fathom"
mv "$stage/$name/share/doc/fathom/Containerfile" "$stage/$name/"
tar --create --directory "$stage" --format=gnu --sort=name --mtime="@$time" \
    --owner=0 --group=0 --numeric-owner --mode=go-w "$name" | gzip --best --no-name >"$stage/$name.tar.gz"
mv "$stage/$name.tar.gz" dist/
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "release: dist/$name.tar.gz, $(stat -c %s "dist/$name.tar.gz") bytes"
