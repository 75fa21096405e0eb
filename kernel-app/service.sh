#!/bin/sh
# service.sh DIRECTORY: builds the crate in DIRECTORY, a service of its own, as an image: DIRECTORY/NAME.elf,
# where NAME is the crate's.
#
# The crate lies anywhere and depends on this one by its path (docs/writing-a-service.md). It gets what an
# image needs and no manifest can hand on: the guest's compiler and flags (cargo.sh), profiles
# (profile.toml), the patched kernel, the linker script, and for a start the versions that are locked
# here. It is compiled among our own images, so that nothing they have in common is compiled twice.
set -eu
[ "$#" = 1 ] && [ -n "$1" ] || {
    echo "service: name the directory of a crate: make service DIR=/path/to/the/crate" >&2
    exit 2
}
[ -f "$1/Cargo.toml" ] || {
    echo "service: there is no $1/Cargo.toml: DIR is the path of a crate's directory, from the root on" >&2
    exit 2
}
crate=$(cd "$1" && pwd -P)
cd "$(dirname "$0")"
root=$(cd .. && pwd -P)
name=$(sed -n 's/^name *= *"\([^"]*\)".*/\1/p' "$crate/Cargo.toml" | head -n 1)
[ -n "$name" ] || { echo "service: $crate/Cargo.toml names no package" >&2; exit 2; }
[ -e "$crate/Cargo.lock" ] || cp Cargo.lock "$crate/Cargo.lock"
quiet=$([ -t 2 ] || echo --quiet)
sh cargo.sh rustc $quiet --release --manifest-path "$crate/Cargo.toml" --target-dir "$root/target/kernel-app" \
    --config "patch.crates-io.hermit-kernel.path=\"$root/target/hermit-kernel\"" --bin "$name" \
    -- "-Clink-arg=-T$root/kernel-app/src/arch/x86_64/link.ld" -Clink-arg=-zmax-page-size=16 -Clink-arg=--icf=all
cp "$root/target/kernel-app/x86_64-unknown-none/release/$name" "$crate/$name.elf"
echo "$crate/$name.elf"
