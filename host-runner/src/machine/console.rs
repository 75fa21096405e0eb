//! Parser of the guest's console: lines out of bytes, and the lines that mean something.
//!
//! Pure: bytes go in, and [`Console`] says what has been seen so far.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use wire::ready::{FATAL_PREFIX, NotReady, READY_PREFIX};

use crate::terminal;

/// Prefix of a panic's message from Hermit's panic handler.
const PANIC_MARK: &str = "[PANIC]";

/// First words of Linux's message that it can't go on. The rest is for debugging it.
const LINUX_PANIC_MARK: &str = "Kernel panic - not syncing: ";

/// Number of lines that are kept to be shown with an error.
const TAIL_LINES: usize = 12;

/// A line longer than this is cut in two: the other side must not fill our memory.
const MAX_LINE: usize = 4096;

/// Bytes into lines, without what a terminal would obey.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes and hands every line that they complete to `each`. No bytes are the
    /// end, as they are to `read`: then what is left over is a line too.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        if bytes.is_empty() && !self.partial.is_empty() {
            self.flush(&mut each);
        }
        for &byte in bytes {
            if byte == b'\n' || self.partial.len() == MAX_LINE {
                self.flush(&mut each);
            }
            if byte != b'\n' {
                self.partial.push(byte);
            }
        }
    }

    fn flush(&mut self, each: &mut impl FnMut(&str)) {
        each(&terminal::escape(
            String::from_utf8_lossy(&self.partial).trim_end(),
        ));
        self.partial.clear();
    }
}

/// The last lines of something.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: VecDeque<String>,
}

impl Tail {
    /// Adds a line; blank ones say nothing and are left out.
    pub fn push(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        if self.lines.len() == TAIL_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// The lines as one text.
    pub fn text(&self) -> String {
        self.lines
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Output of the guest so far.
#[derive(Debug, Default)]
pub(crate) struct Console {
    tail: Tail,
    ready: Option<Result<wire::Ready, NotReady>>,
    fatal: Option<String>,
    panic: Option<Tail>,
    panic_complete: bool,
}

impl Console {
    /// Takes the next line.
    pub fn line(&mut self, line: &str) {
        self.tail.push(line);
        if let Some(message) = &mut self.panic {
            // Hermit ends a panic with a blank line and goes on to print statistics.
            self.panic_complete |= line.is_empty();
            if !self.panic_complete {
                message.push(line);
            }
        } else if let Some((_, message)) = line.split_once(PANIC_MARK) {
            let mut tail = Tail::default();
            tail.push(message.trim());
            self.panic = Some(tail);
        } else if let Some((_, message)) = line.split_once(LINUX_PANIC_MARK) {
            let mut tail = Tail::default();
            tail.push(message.trim());
            self.panic = Some(tail);
            self.panic_complete = true;
        } else if let Some(at) = line.find(READY_PREFIX) {
            self.ready.get_or_insert_with(|| line[at..].parse());
        } else if let Some((_, message)) = line.split_once(FATAL_PREFIX) {
            self.fatal.get_or_insert_with(|| message.trim().to_owned());
        }
    }

    /// The ready line, once it was there.
    pub const fn ready(&self) -> Option<Result<wire::Ready, NotReady>> {
        self.ready
    }

    /// Returns the reason why the guest can't serve, once it said so.
    pub fn fatal(&self) -> Option<&str> {
        self.fatal.as_deref()
    }

    /// The panic's message, as far as it has come: what follows the first line belongs to it, up
    /// to a blank one.
    pub fn panic(&self) -> Option<String> {
        self.panic.as_ref().map(Tail::text)
    }

    /// The panic's message has come to its end.
    pub const fn panic_is_complete(&self) -> bool {
        self.panic_complete
    }

    /// The last lines.
    pub fn tail(&self) -> String {
        self.tail.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "FATHOM READY ip=10.0.2.15/24 ip6=fe80::1/64 port=9000 \
                         mac=52:54:00:12:34:56 boot_us=1 boot_id=00000001 counters=0x2b3000";

    fn console(text: &str) -> Console {
        let mut console = Console::default();
        let mut lines = Lines::default();
        // Byte by byte: where a read ends must not matter.
        for byte in text.as_bytes() {
            lines.feed(&[*byte], |line| console.line(line));
        }
        lines.feed(&[], |line| console.line(line));
        console
    }

    #[test]
    fn finds_the_ready_line_among_others() {
        let console = console(&format!("[0][INFO] hello\r\n{READY}\r\nbye"));
        assert_eq!(console.ready().unwrap().unwrap().port, 9000);
        assert!(console.fatal().is_none() && console.panic().is_none());
        assert!(console.tail().ends_with("bye"));
    }

    #[test]
    fn a_ready_line_is_found_behind_an_unfinished_one_and_the_first_counts() {
        let again = READY.replace("9000", "9001");
        let console = console(&format!("half a line {READY}\n{again}\n"));
        assert_eq!(console.ready().unwrap().unwrap().port, 9000);
    }

    #[test]
    fn a_broken_ready_line_names_its_field() {
        let console = console(&READY.replace("9000", "port"));
        assert_eq!(console.ready(), Some(Err(NotReady("port"))));
    }

    #[test]
    fn fatal_is_the_rest_of_its_line() {
        let console = console("FATHOM FATAL unknown boot argument: colour=red\r\nmore\r\n");
        assert_eq!(console.fatal(), Some("unknown boot argument: colour=red"));
    }

    #[test]
    fn a_panic_takes_all_that_follows_up_to_a_blank_line() {
        let console = console(
            "[0][PANIC] panicked at src/main.rs:1:2:\r\nindex out of range\r\n\r\nexit status 1\r\n",
        );
        assert_eq!(
            console.panic().unwrap(),
            "panicked at src/main.rs:1:2:\nindex out of range"
        );
        assert!(console.panic_is_complete());
    }

    #[test]
    fn a_linux_panic_is_its_first_line() {
        let text = "[    1.2] Kernel panic - not syncing: Out of memory\r\n[    1.2] CPU: 0\r\n";
        let console = console(text);
        assert_eq!(console.panic().unwrap(), "Out of memory");
        assert!(console.panic_is_complete());
    }

    #[test]
    fn control_characters_are_escaped() {
        let console = console("FATHOM FATAL \x1b[31mred\x07\r\n\x1b]0;title\r\n");
        assert_eq!(console.fatal(), Some("\\x1b[31mred\\x07"));
        assert!(console.tail().ends_with("\n\\x1b]0;title"));
    }

    #[test]
    fn neither_a_long_line_nor_many_fill_the_memory() {
        let console = console(&"x".repeat(MAX_LINE * 100));
        assert!(console.tail().len() <= TAIL_LINES * (MAX_LINE + 1));
    }
}
