#!/bin/sh
# Boots the service on QEMU's microvm, from the ELF file: sh microvm.sh [BOOT ARGUMENT…]
# There is no PCI bus: the network device is virtio-mmio, in the form of virtio 1.0 and later.
set -eu

exec "${QEMU:-qemu-system-x86_64}" -nodefaults -no-user-config -display none \
    -M microvm,accel="${ACCEL:-kvm:tcg}" -cpu max -m 32M \
    -kernel "${IMAGE:-dist/fathom.elf}" -append "$*" \
    -global virtio-mmio.force-legacy=false \
    -netdev user,id=n0,hostfwd=udp:127.0.0.1:"${PORT:-9000}"-:9000 \
    -device virtio-net-device,netdev=n0 \
    -serial stdio
