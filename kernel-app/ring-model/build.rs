//! Has the ring compiled with loom's atomics, in this package and no other.

fn main() {
    println!("cargo::rustc-cfg=loom");
}
