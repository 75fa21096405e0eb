#!/bin/sh
# Makes a virtual machine of fathom.qcow2 on a Proxmox VE host and starts it, as root there:
# sh create.sh VMID [BOOT ARGUMENT…]
set -eu

vmid=${1:?the number of the new virtual machine}
shift
for argument; do
    smbios="${smbios:-},value=fathom:$argument"
done
qm create "$vmid" --name fathom --ostype other --memory 64 --balloon 0 --cores 1 --cpu host \
    --net0 virtio,bridge="${BRIDGE:-vmbr0}" --serial0 socket --vga serial0
qm set "$vmid" --virtio0 "${STORAGE:-local-lvm}:0,import-from=${IMAGE:-$PWD/fathom.qcow2}" --boot order=virtio0
# Raw arguments for QEMU, which only root@pam may set; without them the disk's FATHOM.CFG is all there is.
[ -z "${smbios:-}" ] || qm set "$vmid" --args "-smbios type=11$smbios"
qm start "$vmid"
