#!/bin/sh
# Boots the service under Firecracker on a tap device of its own, as root: sh run.sh [--enable-pci]
# Without the option the network device is virtio-mmio. vm.json has the rest.
set -eu

here=$(dirname "$0")
if ! ip link show fathom0 >/dev/null 2>&1; then
    ip tuntap add dev fathom0 mode tap
    ip address add 172.16.0.1/24 dev fathom0
    ip link set dev fathom0 up
fi
exec firecracker --no-api --config-file "$here/vm.json" "$@"
