//! Fuzz targets as plain functions: a [`Target`] takes any bytes and panics if the code under test breaks a
//! promise. A fuzzer calls it with what it invents (`make fuzz`), a test with the corpus (`make test`).
//!
//! - [`Input`]: structure from bytes;
//! - [`frames`]: valid frames of every protocol; [`checksums`]: makes those of a changed frame right.
//!
//! Knows no fuzzer, and nothing of what is tested but its messages.
#![forbid(unsafe_code)]

pub mod checksums;
pub mod frames;

use std::fs;
use std::path::{Path, PathBuf};

/// Environment variable under which [`replay`] writes the seeds of its target to the corpus.
const WRITE_SEEDS: &str = "FATHOM_WRITE_SEEDS";

/// A function for any bytes, and inputs to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the target, of its program and of its corpus.
    pub name: &'static str,
    /// Function under test. Panics if a promise is broken.
    pub run: fn(&[u8]),
    /// Valid inputs, made by the code of today: they reach what mutation of noise would hardly find.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Runs `target` on its seeds, and on every file of its corpus in `fuzz/corpus`.
///
/// # Panics
///
/// If the target does, naming the input; if the corpus is missing or empty.
pub fn replay(target: &Target) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(target.name);
    let seeds = (target.seeds)();
    if std::env::var_os(WRITE_SEEDS).is_some() {
        write_seeds(&directory, &seeds);
    }
    for (index, seed) in seeds.iter().enumerate() {
        run(target, &format!("seed {index}"), seed);
    }
    let files = files(&directory);
    assert!(!files.is_empty(), "no corpus in {}", directory.display());
    for file in files {
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        run(target, &file.display().to_string(), &bytes);
    }
}

fn write_seeds(directory: &Path, seeds: &[Vec<u8>]) {
    fs::create_dir_all(directory).expect("the checkout is ours");
    for (index, seed) in seeds.iter().enumerate() {
        fs::write(directory.join(format!("seed-{index:02}")), seed).expect("the checkout is ours");
    }
}

/// Returns the files of a corpus, in the order of their names.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a directory that can be read").path());
    let mut files: Vec<PathBuf> = entries.collect();
    files.sort();
    files
}

fn run(target: &Target, name: &str, bytes: &[u8]) {
    /// Says at which input the target panicked.
    struct Named<'n>(&'n str);

    impl Drop for Named<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the input is {}", self.0);
            }
        }
    }

    let _named = Named(name);
    (target.run)(bytes);
}

/// The bytes of an input, taken from the front; numbers are little-endian. Where none are left, numbers are 0 and
/// slices empty, so that every input has a meaning.
#[derive(Clone, Copy, Debug)]
pub struct Input<'d>(&'d [u8]);

impl<'d> Input<'d> {
    /// Takes from `bytes`.
    #[must_use]
    pub const fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    /// Returns true if no byte is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes up to `len` bytes.
    pub fn take(&mut self, len: usize) -> &'d [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Takes what is left.
    pub fn rest(&mut self) -> &'d [u8] {
        std::mem::take(&mut self.0)
    }

    /// Takes `N` bytes, of which those that are missing are 0.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let taken = self.take(N);
        std::array::from_fn(|index| taken.get(index).copied().unwrap_or(0))
    }

    /// Takes a byte.
    pub fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// Takes a 16-bit number.
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// Takes a 32-bit number.
    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// Takes a 64-bit number.
    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// Takes a 16-bit length, and as many bytes.
    pub fn counted(&mut self) -> &'d [u8] {
        let len = self.u16();
        self.take(len.into())
    }
}

/// Appends `bytes` to an input as [`Input::counted`] takes them.
///
/// # Panics
///
/// If there are more than 65535.
pub fn put_counted(input: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).expect("a short input");
    input.extend(len.to_le_bytes());
    input.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They are in everybody's checkout.
    #[test]
    fn the_corpora_are_small() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
        let lens = files(&corpora)
            .into_iter()
            .flat_map(|corpus| files(&corpus));
        let len: u64 = lens.map(|file| file.metadata().unwrap().len()).sum();
        assert!((1..300_000).contains(&len), "{len} bytes");
    }

    #[test]
    fn an_input_that_ends_goes_on_with_zeros() {
        let mut input = Input::new(&[1, 2, 3, 2, 0, 9]);
        assert_eq!((input.u8(), input.u16()), (1, 0x0302));
        assert_eq!(input.counted(), [9]);
        assert!(input.is_empty());
        assert_eq!((input.u64(), input.counted()), (0, &[][..]));
        let mut input = Vec::new();
        put_counted(&mut input, b"ab");
        assert_eq!(Input::new(&input).counted(), b"ab");
    }
}
