#!/bin/sh
# build.sh: builds the loaders, with the guest's toolchain.
#
#   target/loaders/fathom.efi          the UEFI program, with target/fathom.elf in it
#   target/loaders/bios-mbr.bin        the BIOS boot code's first stage, 440 bytes at most
#   target/loaders/bios-stage2.bin     and its second, 15 KiB at most
#
# Like the unikernel, they hold no path of the machine that built them (see kernel-app/cargo.sh).
set -eu
cd "$(dirname "$0")"
root=$(cd .. && pwd -P)
toolchain=$root/target/guest-toolchain
built=$root/target/loaders
mkdir -p "$built"

next=$(printf '\037')
flags="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/=cargo/${next}--remap-path-prefix=$root/=\
${next}--remap-path-prefix=$("$toolchain/rustc" --print sysroot)/=rust/\
${next}-Zlocation-detail=none${next}-Zfmt-debug=none"
RUSTC=$toolchain/rustc
RUSTC_WRAPPER=$root/kernel-app/rustc-wrapper.sh
FATHOM_ELF=$root/target/fathom.elf
CARGO_TARGET_X86_64_UNKNOWN_UEFI_LINKER=$toolchain/lld-link
CARGO_TARGET_I586_UNKNOWN_LINUX_GNU_LINKER=$toolchain/ld.lld
export RUSTC RUSTC_WRAPPER FATHOM_ELF
export CARGO_TARGET_X86_64_UNKNOWN_UEFI_LINKER CARGO_TARGET_I586_UNKNOWN_LINUX_GNU_LINKER
export RUSTC_BOOTSTRAP=1

# build PACKAGE TARGET FLAGS: what cargo makes of it is under target/loaders/TARGET.
build() {
    CARGO_ENCODED_RUSTFLAGS=$flags$3 cargo build ${QUIET-} --locked --release --package "$1" --bins \
        --target "$2" --target-dir "$built" -Zbuild-std=core,compiler_builtins \
        -Zbuild-std-features=compiler-builtins-mem
}

# /Brepro: no time stamp in the header, but a hash. /DEBUG:NONE: no name of a symbol file, which has a hash of this
# directory's path in it.
build fathom-efi x86_64-unknown-uefi "${next}-Clink-arg=/Brepro${next}-Clink-arg=/DEBUG:NONE"
# Compiled for Linux on a Pentium, for want of a target without a system: no SSE, and nothing of Linux is used.
build bios i586-unknown-linux-gnu "${next}-Crelocation-model=static${next}-Clinker-flavor=ld.lld\
${next}-Copt-level=z${next}-Ctarget-feature=+crt-static"

# install PRODUCT NAME: as target/loaders/NAME, left alone if it is the same.
install() {
    cmp -s "$1" "$built/$2" || cp "$1" "$built/$2"
}
install "$built/x86_64-unknown-uefi/release/fathom-efi.efi" fathom.efi
install "$built/i586-unknown-linux-gnu/release/bios-mbr" bios-mbr.bin
install "$built/i586-unknown-linux-gnu/release/bios-stage2" bios-stage2.bin
