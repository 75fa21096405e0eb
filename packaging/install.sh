#!/bin/sh
# install.sh PREFIX [FATHOM]: copies what is built to PREFIX, laid out as programs of Unix are.
#
#   PREFIX/bin/fathom               the command, target/release/fathom unless FATHOM names another
#   PREFIX/share/fathom/            what it boots: both images, the responder, the loaders of disk images, and the
#                                   Linux guest's kernel if `make linux-guest` has brought it
#   PREFIX/share/man/man1/          a manual page per command
#   PREFIX/share/bash-completion/, zsh/, fish/   completions
#   PREFIX/share/doc/fathom/        this project's documentation, and the files that it links
#
# FATHOM_KERNEL=no leaves the Linux kernel out, which has a licence of its own.
set -eu
cd "$(dirname "$0")/.."
prefix=$1
fathom=${2-target/release/fathom}
share=$prefix/share/fathom
doc=$prefix/share/doc/fathom

# put FILE DIRECTORY [MODE]: as a whole, so that a program that runs keeps its file.
put() {
    [ -e "$1" ] || {
        echo "install: error: there is no $1: run \`make install\`, which builds it" >&2
        exit 1
    }
    mkdir -p "$2"
    install -m "${3-644}" "$1" "$2/"
}

umask 022
put "$fathom" "$prefix/bin" 755
put target/fathom.elf "$share"
put target/fathom-sockets.elf "$share"
put target/fathom-responder "$share" 755
for loader in fathom.efi bios-mbr.bin bios-stage2.bin; do
    put "target/loaders/$loader" "$share/loaders"
done
if [ "${FATHOM_KERNEL-yes}" != no ] && [ -e target/linux-guest/vmlinuz ]; then
    put target/linux-guest/vmlinuz "$share/linux-guest"
    (cd target/linux-guest && find modules -type f) | while read -r module; do
        put "target/linux-guest/$module" "$share/linux-guest/$(dirname "$module")"
    done
fi

mkdir -p "$prefix/share/man/man1"
for page in $("$fathom" man --list); do
    command=$(echo "$page" | sed -e 's/^fathom-*//' -e 's/-/ /g')
    # The words are the names of a command and of one below it.
    "$fathom" man $command >"$prefix/share/man/man1/$page.1"
done

# completions SHELL DIRECTORY NAME
completions() {
    mkdir -p "$prefix/share/$2"
    "$fathom" completions "$1" >"$prefix/share/$2/$3"
}
completions bash bash-completion/completions fathom
completions zsh zsh/site-functions _fathom
completions fish fish/vendor_completions.d fathom.fish

for page in README.md CONTRIBUTING.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE packaging/Containerfile; do
    put "$page" "$doc"
done
# What the pages link stays where they look for it.
for file in $(find docs qemu/deploy host-runner/schema -type f); do
    put "$file" "$doc/$(dirname "$file")" "$(stat -c %a "$file")"
done
