#!/bin/sh
# Boots the service on QEMU's standard PC, from the ELF file: sh pc.sh [BOOT ARGUMENT…]
# On this host its UDP port is 127.0.0.1:$PORT. Without arguments it asks QEMU's own network for its address.
set -eu

exec "${QEMU:-qemu-system-x86_64}" -nodefaults -no-user-config -display none \
    -M pc,accel="${ACCEL:-kvm:tcg}" -cpu max -m 32M \
    -kernel "${IMAGE:-dist/fathom.elf}" -append "$*" \
    -netdev user,id=n0,hostfwd=udp:127.0.0.1:"${PORT:-9000}"-:9000 \
    -device virtio-net-pci,netdev=n0,romfile= \
    -serial stdio
