#!/bin/sh
# Boots the service from its disk image: sh disk.sh [BOOT ARGUMENT…]
# SeaBIOS loads it, or the UEFI firmware that FIRMWARE names, such as /usr/share/OVMF/OVMF_CODE_4M.fd.
# There is no kernel command line: the arguments go in by SMBIOS, each as one string of type 11.
set -eu

for argument; do
    smbios="${smbios:-},value=fathom:$argument"
done
exec "${QEMU:-qemu-system-x86_64}" -nodefaults -no-user-config -display none \
    -M q35,accel="${ACCEL:-kvm:tcg}" -cpu max -m "${MEMORY:-64M}" \
    ${FIRMWARE:+-drive if=pflash,format=raw,readonly=on,file="$FIRMWARE"} \
    -drive if=virtio,format=raw,readonly=on,file="${IMAGE:-dist/fathom.img}" \
    -smbios type=11"${smbios:-,value=fathom:}" \
    -netdev user,id=n0,hostfwd=udp:127.0.0.1:"${PORT:-9000}"-:9000 \
    -device virtio-net-pci,netdev=n0,romfile= \
    -serial stdio
