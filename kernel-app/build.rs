//! Hands the linker script to the linker, for bare-metal builds only, and has it write a map of what is in the
//! image beside it.

use std::path::PathBuf;

fn main() {
    let architecture = std::env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it");
    let script = format!("src/arch/{architecture}/link.ld");
    println!("cargo:rerun-if-changed={script}");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let directory = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        for kind in ["bins", "examples"] {
            println!("cargo:rustc-link-arg-{kind}=-T{directory}/{script}");
            // The file has no gap where a segment starts a page: it is copied, not mapped. Functions that came
            // out the same are one.
            println!("cargo:rustc-link-arg-{kind}=-zmax-page-size=16");
            println!("cargo:rustc-link-arg-{kind}=--icf=all");
        }
        // target/TRIPLE/PROFILE/build/PACKAGE-HASH/out: where the programs go is not told otherwise.
        let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
        let programs = out.ancestors().nth(3).expect("cargo's layout");
        for name in ["fathom-image", "fathom-sockets"] {
            let map = programs.join(name).with_extension("map");
            println!("cargo:rustc-link-arg-bin={name}=-Map={}", map.display());
        }
    }
}
