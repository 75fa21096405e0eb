//! Gives each stage its linker script, which makes a flat binary of it.

fn main() {
    println!("cargo::rerun-if-changed=mbr.ld");
    println!("cargo::rerun-if-changed=stage2.ld");
    let variable = |name| std::env::var(name).expect("cargo sets it");
    // Anywhere but on its own target it is compiled for tests and lints only.
    if variable("CARGO_CFG_TARGET_ARCH") == "x86" {
        let directory = variable("CARGO_MANIFEST_DIR");
        println!("cargo::rustc-link-arg-bin=bios-mbr=-T{directory}/mbr.ld");
        println!("cargo::rustc-link-arg-bin=bios-stage2=-T{directory}/stage2.ld");
    }
}
