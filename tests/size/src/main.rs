//! Prints what is in the image: `make size`.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use size::Sizes;

fn main() -> ExitCode {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    match Sizes::of_built(root) {
        Ok(sizes) => {
            print!("{sizes}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("size: {error}");
            ExitCode::FAILURE
        }
    }
}
