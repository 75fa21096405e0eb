#!/bin/sh
# Brings the Linux guest's kernel, once: Debian's cloud kernel, built for virtual machines.
#
#   target/linux-guest/vmlinuz    the kernel
#   target/linux-guest/modules    its modules
#   target/linux-guest/version    which package they are from; with it here there is nothing to do
#
# The file `pin` beside this names the package that the project is tested with, and the SHA-256 of its kernel: with
# that version any other kernel is refused. Debian's archive keeps a version only until the next; then the next is
# taken, by Debian's signature, and `version` says that it is not the pinned one.
#
# Nothing is installed: the package is fetched and unpacked under target/, with package lists of its
# own, because the system's may be missing, old, or not ours to refresh.
#
# `fathom run --kernel PATH --modules DIR` takes any other kernel, and then none of this is needed.
set -eu
cd "$(dirname "$0")/../.."

place=$PWD/target/linux-guest
[ ! -f "$place/version" ] || exit 0
read -r pinned_package pinned_version pinned_sha256 <qemu/linux-guest/pin
log=$place/apt.log
mkdir -p "$place"

die() {
    echo "setup: error: $*" >&2
    exit 1
}

by_hand="name a kernel of your own with \`fathom run --kernel PATH --modules DIR\`, or put Debian's \
package linux-image-*-cloud-amd64 as $place/kernel.deb and run this again"

# fetch: the pinned package, or Debian's present one, by the name that the one without a version depends on.
fetch() {
    command -v apt-get >/dev/null || die "no apt-get to fetch a kernel with; $by_hand"
    apt=$place/apt
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
    echo "setup: fetching Debian's cloud kernel into target/ (some 30 MB)"
    (
        set -- -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=
        cd "$apt/packages" &&
            apt-get "$@" update &&
            { apt-get "$@" download "$pinned_package=$pinned_version" ||
                {
                    package=$(apt-cache "$@" depends linux-image-cloud-amd64 |
                        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p') &&
                        apt-get "$@" download "$package"
                }; }
    ) >"$log" 2>&1 || die "Debian's cloud kernel could not be fetched (see $log). With a network, run this again; without, $by_hand"
    mv "$apt/packages"/linux-image-*.deb "$place/kernel.deb"
    rm -rf "$apt"
}

command -v dpkg-deb >/dev/null || die "no dpkg-deb to unpack a kernel with; $by_hand"
[ -f "$place/kernel.deb" ] || fetch

rm -rf "$place/unpacked" "$place/modules"
dpkg-deb -x "$place/kernel.deb" "$place/unpacked" ||
    die "$place/kernel.deb can't be unpacked; remove it and run this again"
version=$(dpkg-deb -W --showformat='${Package} ${Version}' "$place/kernel.deb")
mv "$place"/unpacked/boot/vmlinuz-* "$place/vmlinuz" || die "$place/kernel.deb holds no kernel"
sha256=$(sha256sum "$place/vmlinuz" | cut -d ' ' -f 1)
if [ "$version" != "$pinned_package $pinned_version" ]; then
    version="$version (not the pinned $pinned_version)"
elif [ "$sha256" != "$pinned_sha256" ]; then
    rm -f "$place/vmlinuz"
    die "the kernel in $place/kernel.deb is not the one that its version says: its SHA-256 is $sha256, not $pinned_sha256"
fi
# Few of its modules are of use in a virtual machine with one device, and they find each other by
# name: the network drivers and what they stand on.
mkdir -p "$place/modules"
for part in drivers/virtio drivers/net/virtio_net.ko drivers/net/net_failover.ko net/core/failover.ko; do
    cp -r "$place"/unpacked/lib/modules/*/kernel/$part "$place/modules/" ||
        die "$place/kernel.deb lacks the module $part"
done
rm -rf "$place/unpacked" "$place/kernel.deb" "$place/apt" "$log"
echo "$version" >"$place/version"
echo "setup: Linux guest: $version"
