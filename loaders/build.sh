#!/bin/sh
# build.sh: builds the loaders, with the guest's toolchain.
#
#   target/loaders/fathom.efi          the UEFI program, with target/fathom.elf in it
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
export RUSTC RUSTC_WRAPPER FATHOM_ELF CARGO_TARGET_X86_64_UNKNOWN_UEFI_LINKER
export RUSTC_BOOTSTRAP=1

# build PACKAGE TARGET FLAGS: what cargo makes of it is under target/loaders/TARGET.
build() {
    CARGO_ENCODED_RUSTFLAGS=$flags$3 cargo build ${QUIET-} --locked --release --package "$1" --bins \
        --target "$2" --target-dir "$built" -Zbuild-std=core,compiler_builtins \
        -Zbuild-std-features=compiler-builtins-mem
}

# /Brepro: no time stamp in the header, but a hash.
build fathom-efi x86_64-unknown-uefi "${next}-Clink-arg=/Brepro"
efi=$built/x86_64-unknown-uefi/release/fathom-efi.efi
cmp -s "$efi" "$built/fathom.efi" || cp "$efi" "$built/fathom.efi"
