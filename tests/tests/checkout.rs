//! A checkout anywhere: `make` works at a path with a space and a quote in it, and says what it compiles
//! before it does. The tools behind it (cargo, rustup, apt, …) are scripts here, which check that what
//! reaches them leads to files that are there.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use tests::artifacts;

/// Name of the checkout's directory, with a quote and spaces in it.
const NAME: &str = "it's a path";

/// The files of the checkout that `make` and the set-up read.
const FILES: &[&str] = &[
    "Makefile",
    "announce.sh",
    "kernel-app/cargo.sh",
    "kernel-app/setup.sh",
    "kernel-app/Cargo.toml",
    "kernel-app/profile.toml",
    "kernel-app/Cargo.lock",
    "kernel-app/hermit/Cargo.lock",
    "kernel-app/hermit/Cargo.toml",
    "qemu/setup.sh",
    "qemu/linux-guest/pin",
    "qemu/linux-guest/setup.sh",
];

/// Directories of sources, each with one file.
const SOURCES: &[&str] = &[
    "kernel-app/src",
    "wire/src",
    "boot-args/src",
    "host-runner/src",
    "netlink/src",
    "linux-responder/src",
];

/// cargo: builds by writing a script that says how it is called. The guest's compiler and linker are
/// called as cargo would.
const CARGO: &str = r#"
command=$1
for word in "$@"; do
    case $previous in --target-dir) place=$word ;; --bin) binary=$word ;; esac
    previous=$word
done
case $command in
fetch) exit ;;
metadata) echo "{\"manifest_path\":\"$TOOLS/hermit-kernel-0.11.0/Cargo.toml\"}"; exit ;;
esac
echo "cargo $*" >>"$TOOLS/calls"
case "$*" in
*x86_64-unknown-none*)
    "$RUSTC" --version >/dev/null || exit 1
    "$CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER" -flavor gnu "a word" || exit 1
    printf '%s' "$CARGO_ENCODED_RUSTFLAGS" | tr '\037' '\n' >"$TOOLS/flags"
    case $binary in
    '') product=$place/x86_64-unknown-none/release/fathom-image ;;
    *) product=$place/x86_64-unknown-none/sockets/$binary ;;
    esac ;;
*responder*) product=$place/x86_64-unknown-linux-gnu/release/fathom-responder ;;
*) product=target/release/fathom ;;
esac
mkdir -p "$(dirname "$product")"
printf '#!/bin/sh\necho "fathom $*"\n' >"$product"
chmod +x "$product"
"#;

/// rustup: has the toolchain, in a directory that needs quoting as well.
const RUSTUP: &str = r#"echo "$TOOLS/a toolchain's root""#;

/// rustc: knows its version and its root.
const RUSTC: &str = r#"
case "$*" in
*sysroot*) echo "$TOOLS/a toolchain's root" ;;
*) echo "rustc 1.96.0" ;;
esac
"#;

/// The linker: takes the flavour that its name does not say, and one word.
const LINKER: &str = r#"[ "$#" = 3 ] && [ "$1 $2" = "-flavor gnu" ] && [ "$3" = "a word" ]"#;

/// apt-get and apt-cache: private package lists have to be in a directory that is there.
const APT: &str = r#"
for word in "$@"; do
    case $word in Dir::State::Lists=*) [ -d "${word#*=}" ] && found=yes ;; esac
done
[ "$found" = yes ] || exit 1
case "$*" in
*depends*) echo "  Depends: linux-image-6-cloud-amd64" ;;
*download*) touch linux-image-6-cloud-amd64.deb ;;
esac
"#;

/// dpkg-deb: unpacks what the Linux guest is made of.
const DPKG_DEB: &str = r#"
case $1 in
-W) echo "linux-image-6 6.1" ;;
-x)
    [ -f "$2" ] || exit 1
    modules=$3/lib/modules/6/kernel
    mkdir -p "$3/boot" "$modules/drivers/virtio" "$modules/drivers/net" "$modules/net/core"
    touch "$3/boot/vmlinuz-6" "$modules/drivers/net/virtio_net.ko" \
        "$modules/drivers/net/net_failover.ko" "$modules/net/core/failover.ko" ;;
esac
"#;

/// A checkout, and tools for it.
struct Checkout {
    place: TempDir,
}

impl Checkout {
    fn new() -> Self {
        let checkout = Self {
            place: tempfile::tempdir().expect("a temporary directory"),
        };
        let root = checkout.root();
        for file in FILES {
            write(
                &root.join(file),
                &fs::read(artifacts::root().join(file)).expect(file),
            );
        }
        for directory in SOURCES {
            write(&root.join(directory).join("lib.rs"), b"");
        }
        write(&root.join("kernel-app/hermit/0001.patch"), b"");
        let toolchain = checkout.tools().join("a toolchain's root");
        let library = toolchain.join("lib/rustlib/src/rust/library/core/Cargo.toml");
        write(&library, b"");
        write(
            &checkout.tools().join("hermit-kernel-0.11.0/Cargo.toml"),
            b"",
        );
        let linker = "lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld";
        for (path, text) in [
            (toolchain.join("bin/rustc"), RUSTC),
            (toolchain.join(linker), LINKER),
            (checkout.tools().join("cargo"), CARGO),
            (checkout.tools().join("rustup"), RUSTUP),
            (checkout.tools().join("rustc"), RUSTC),
            (checkout.tools().join("apt-get"), APT),
            (checkout.tools().join("apt-cache"), APT),
            (checkout.tools().join("dpkg-deb"), DPKG_DEB),
            (checkout.tools().join("git"), "exit 0"),
            (checkout.tools().join("cc"), "exit 0"),
        ] {
            write(&path, format!("#!/bin/sh\n{text}\n").as_bytes());
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&path, executable).expect("it is our file");
        }
        checkout
    }

    fn root(&self) -> PathBuf {
        self.place.path().join(NAME)
    }

    fn tools(&self) -> PathBuf {
        self.place.path().join("tools")
    }

    fn make(&self, arguments: &[&str]) -> Output {
        let path = std::env::var("PATH").expect("there is one");
        Command::new("make")
            .args(arguments)
            .current_dir(self.root())
            .env("PATH", format!("{}:{path}", self.tools().display()))
            .env("TOOLS", self.tools())
            .env("FATHOM_QEMU", "true")
            .env_remove("MAKEFLAGS")
            .output()
            .expect("make is there")
    }

    /// Standard output and standard error of a call that succeeds.
    fn made(&self, arguments: &[&str]) -> (String, String) {
        let output = self.make(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:#?}");
        let text = |bytes| String::from_utf8(bytes).expect("it is text");
        (text(output.stdout), text(output.stderr))
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("it has one")).expect("the place is writable");
    fs::write(path, bytes).expect("the place is writable");
}

#[test]
fn a_path_with_a_space_and_a_quote_is_as_good_as_any() {
    let checkout = Checkout::new();
    let (run, _) = checkout.made(&["run", "ARGS=--duration 1s"]);
    assert!(run.ends_with("fathom run --duration 1s\n"), "{run}");
    checkout.made(&["sockets"]);
    checkout.made(&["linux-guest"]);
    let built = |name: &str| checkout.root().join("target").join(name).exists();
    for name in [
        "fathom.elf",
        "fathom-sockets.elf",
        "fathom-responder",
        "linux-guest/vmlinuz",
    ] {
        assert!(built(name), "{name}");
    }
    let flags = fs::read_to_string(checkout.tools().join("flags")).expect("the guest was built");
    let root = checkout.root().canonicalize().expect("it is there");
    let remapped = format!("--remap-path-prefix={}/=", root.display());
    assert!(flags.lines().any(|flag| flag == remapped), "{flags}");
}

#[test]
fn a_compilation_is_announced_and_nothing_else_is() {
    let checkout = Checkout::new();
    let announced = |arguments: &[&str]| {
        let (_, error) = checkout.made(arguments);
        let lines = error.lines().filter(|line| line.starts_with("build: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let everything = ["build", "sockets", "linux-guest"];
    let first = announced(&everything);
    assert_eq!(first.len(), 4, "{first:?}");
    assert!(
        first
            .iter()
            .all(|line| line.contains("the first time about "))
    );
    let nothing: [&str; 0] = [];
    assert_eq!(announced(&everything), nothing);
    // As an editor leaves it: younger than what was built from it.
    let source = fs::File::options()
        .write(true)
        .open(checkout.root().join("host-runner/src/lib.rs"))
        .expect("it is there");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    source.set_modified(later).expect("it is our file");
    assert_eq!(announced(&everything), ["build: the fathom command"]);
    let calls = fs::read_to_string(checkout.tools().join("calls")).expect("cargo was called");
    assert!(
        calls.lines().all(|call| call.contains("--quiet")),
        "{calls}"
    );
}

#[test]
fn a_probe_without_an_address_ends_before_anything_is_built() {
    let checkout = Checkout::new();
    let output = checkout.make(&["probe"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("make probe ARGS=127.0.0.1:9000"), "{error}");
    assert!(!checkout.root().join("target").exists());
}
