#!/bin/sh
# rustc-wrapper.sh RUSTC ARGUMENT…: rustc with metadata that do not depend on where the checkout is.
#
# cargo makes each crate's `-C metadata` of the absolute paths of what lies outside the workspace, here
# wire, the kernel's source and the standard library's. Symbol names and the order of code come from it,
# and with them what the optimiser inlines: the same source made 464 or 497 instructions per echo. A crate's
# version, beside its name, tells crates of one name apart just as well.
#
# A program of a package whose library is for size (profile.toml) is for speed: cargo's profiles know packages alone.
set -eu
for argument; do
    shift
    case $argument in
    metadata=*) argument=metadata=${CARGO_PKG_NAME-}-${CARGO_PKG_VERSION-} ;;
    opt-level=s) [ -z "${CARGO_BIN_NAME-}" ] || argument=opt-level=2 ;;
    esac
    set -- "$@" "$argument"
done
# A panic of our own code says its line; cargo.sh has all others without.
case ${CARGO_PKG_NAME-} in
kernel-app | wire | boot-args | hermit-kernel) set -- "$@" -Zlocation-detail=file,line ;;
esac
exec "$@"
