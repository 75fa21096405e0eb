//! A log that stops growing.

use std::fs::File;
use std::io::{self, Write};

/// The most bytes that are kept of what a guest or a process prints.
const LIMIT: u64 = 64 << 20;

/// A log that takes [`LIMIT`] bytes, then a line that says so, and nothing more: whoever prints must not
/// be able to fill the disk.
#[derive(Debug)]
pub struct BoundedLog<W = File> {
    inner: W,
    left: u64,
}

impl<W: Write> BoundedLog<W> {
    /// A log on `inner`.
    pub const fn new(inner: W) -> Self {
        Self { inner, left: LIMIT }
    }

    /// Appends `bytes` as far as there is room for them.
    ///
    /// # Errors
    ///
    /// Those of what the log is on.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(room)];
        self.left -= kept.len() as u64;
        self.inner.write_all(kept)?;
        if self.left == 0 {
            let mib = LIMIT >> 20;
            writeln!(
                self.inner,
                "\n[fathom: {mib} MiB are logged; the rest is left out]"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_ends_with_a_line_that_says_so() {
        let mut log = BoundedLog {
            inner: Vec::new(),
            left: 10,
        };
        for _ in 0..3 {
            log.append(b"1234").unwrap();
        }
        log.append(b"more").unwrap();
        let text = String::from_utf8(log.inner).unwrap();
        let expected = "1234123412\n[fathom: 64 MiB are logged; the rest is left out]\n";
        assert_eq!(text, expected);
    }
}
