#!/bin/sh
# cargo.sh ARGUMENT…: `cargo` for the unikernel, called in this directory with the guest's toolchain.
#
# The guest is built by its own compiler, with the standard library's `core` and `alloc` from source. Paths of the machine
# that built it have no place in the image, or it would differ everywhere. Nor have the lines of other people's code
# that may panic (rustc-wrapper.sh keeps ours) and what `{:?}` would print: nobody reads either there, and they are
# a tenth of it. All addresses are below 2 GiB, and shorter to write than a
# kernel's, which are sign-extended. SHA-256 is a loop: written out it is as large as all that STAMP takes else.
set -eu
cd "$(dirname "$0")"
root=$(cd .. && pwd -P)
toolchain=$root/target/guest-toolchain

# Between flags, so that a path in one of them may hold spaces.
next=$(printf '\037')
CARGO_ENCODED_RUSTFLAGS="-C${next}relocation-model=static${next}-C${next}code-model=small${next}-Zlocation-detail=none\
${next}-Zfmt-debug=none\
${next}--cfg=sha2_backend=\"soft\"${next}--cfg=sha2_backend_soft=\"compact\"\
${next}--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src/=${next}--remap-path-prefix=$root/=\
${next}--remap-path-prefix=$("$toolchain/rustc" --print sysroot)/=rust/"
RUSTC=$toolchain/rustc
RUSTC_WRAPPER=$root/kernel-app/rustc-wrapper.sh
CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER=$toolchain/ld.lld
export CARGO_ENCODED_RUSTFLAGS RUSTC RUSTC_WRAPPER CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER
export RUSTC_BOOTSTRAP=1

# Behind the subcommand, before what it may hand on to the compiler.
command=$1
shift
exec cargo "$command" --config profile.toml --target x86_64-unknown-none -Zbuild-std=core,alloc \
    -Zbuild-std-features=optimize_for_size "$@"
