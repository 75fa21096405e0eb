#!/bin/sh
# Boots the service under Cloud Hypervisor on a tap device of its own, as root: sh run.sh [BOOT ARGUMENT…]
# The serial port is off unless it is asked for, and the service has no other console.
set -eu

[ $# -gt 0 ] || set -- ip=172.16.0.2/24 gw=172.16.0.1
if ! ip link show fathom0 >/dev/null 2>&1; then
    ip tuntap add dev fathom0 mode tap
    ip address add 172.16.0.1/24 dev fathom0
    ip link set dev fathom0 up
fi
exec cloud-hypervisor --kernel "${IMAGE:-dist/fathom.elf}" --cmdline "$*" \
    --cpus boot=1 --memory size=32M --net tap=fathom0,mac=02:fa:70:00:00:01 \
    --serial tty --console off
