//! Log records in a ring of fixed size.
//!
//! A record that does not fit is left out whole, and so are those after it until the ring is half empty; then one line in
//! their place says how many there were. The new are left out, and not the old: the first records of a failure name its
//! cause, and the oldest may be half sent. That line comes once per half of the ring, however fast records come.

use core::fmt::{self, Write as _};

use log::Level;

/// Room for records, in bytes.
pub const CAPACITY: usize = 4096;

/// Most bytes that wait when records are taken again after some were left out.
const RESUME: usize = CAPACITY / 2;

/// Log records that wait, as the lines that are to be sent.
#[derive(Debug)]
pub struct RecordRing {
    bytes: [u8; CAPACITY],
    /// Index of the oldest byte.
    start: usize,
    /// Number of bytes.
    len: usize,
    /// Records that were left out since the last line that said so, and their bytes.
    unsaid: u64,
    unsaid_bytes: u64,
    /// Records that were left out in all.
    left_out: u64,
}

impl RecordRing {
    /// Creates an empty ring.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            start: 0,
            len: 0,
            unsaid: 0,
            unsaid_bytes: 0,
            left_out: 0,
        }
    }

    /// Returns whether nothing waits, nor is to be said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0 && self.unsaid == 0
    }

    /// Returns the number of records that were left out in all.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Adds a record, if there is room for the whole of it.
    pub fn push(&mut self, level: Level, text: fmt::Arguments<'_>) {
        self.say_left_out();
        let start = if self.unsaid == 0 { self.len } else { CAPACITY };
        let end = self.write(start, level, text);
        if end <= CAPACITY {
            self.len = end;
        } else {
            self.left_out += 1;
            self.unsaid += 1;
            self.unsaid_bytes += (end - start) as u64;
        }
    }

    /// Returns the oldest bytes that wait, as far as they lie side by side; none if nothing waits.
    pub fn waiting(&mut self) -> &[u8] {
        self.say_left_out();
        let end = CAPACITY.min(self.start + self.len);
        &self.bytes[self.start..end]
    }

    /// Removes the oldest `count` bytes, or all if there are fewer.
    pub fn remove(&mut self, count: usize) {
        let count = count.min(self.len);
        self.start = (self.start + count) % CAPACITY;
        self.len -= count;
    }

    /// Adds the line about records that were left out, if there were some and the ring is half empty.
    fn say_left_out(&mut self) {
        if self.unsaid != 0 && self.len <= RESUME {
            let (records, bytes) = (self.unsaid, self.unsaid_bytes);
            let text = format_args!("log: {records} records ({bytes} bytes) left out");
            self.len = self.write(self.len, Level::Warn, text);
            (self.unsaid, self.unsaid_bytes) = (0, 0);
        }
    }

    /// Writes the line of a record behind the first `len` bytes, as far as there is room. Returns the length with the
    /// whole of it.
    fn write(&mut self, len: usize, level: Level, text: fmt::Arguments<'_>) -> usize {
        let mut end = End { ring: self, len };
        // Always takes what there is.
        let _ = writeln!(end, "[0][{level}] {text}");
        end.len
    }
}

impl Default for RecordRing {
    fn default() -> Self {
        Self::new()
    }
}

/// The end of the record that is written.
struct End<'r> {
    ring: &'r mut RecordRing,
    /// Length with what was written so far, had there been room for it.
    len: usize,
}

impl fmt::Write for End<'_> {
    // Once, however it is called.
    #[inline(never)]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.len < CAPACITY {
                self.ring.bytes[(self.ring.start + self.len) % CAPACITY] = byte;
            }
            self.len += 1;
        }
        Ok(())
    }
}
