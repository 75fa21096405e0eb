//! What people read on standard error, line by line. A terminal that is gone, or a pipe that nobody
//! reads any more, ends no measurement: what can't be written there is dropped, where `eprintln!`
//! would panic.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Writes `line` to standard error, as a line of this program's.
pub fn say(line: impl Display) {
    say_as_is(format_args!("fathom: {line}\n"));
}

/// Writes `text` to standard error, as it is.
pub fn say_as_is(text: impl Display) {
    let text = text.to_string();
    // Nobody is left to be told that it failed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
