//! The only way from this program to the terminal: text of others (a guest's, QEMU's, a file's, the name
//! of a process) can't move the cursor, change colours, or pass for a line of ours.
//!
//! - [`escape`]: what a text becomes before it is shown or goes to a record;
//! - [`one_line`]: the same where a line break would begin a line of ours; [`escape_json`]: the same in JSON;
//! - [`print`]: results, on standard output; [`say`]: a message, on standard error, whose every line but the
//!   first is marked as quoted; [`eprint`]: text of several lines of ours, on standard error;
//! - [`progress_line`]: a line on standard error that changes; [`full_screen`]: a view that fills the terminal.
//!
//! All of them escape. Clippy's `print_stdout` and `print_stderr` keep the standard library's macros from
//! being used instead.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use linux_process::screen;

pub mod full_screen;
pub mod progress_line;

/// Prefix of a line of a message that begins after somebody's line break.
const QUOTED: &str = "  | ";

/// Longest text that waits for the end of a view, in bytes: what comes later is dropped.
const LONGEST_WAITING: usize = 64 * 1024;

/// Text that waits for the end of the view that fills the terminal.
static WAITING: Mutex<String> = Mutex::new(String::new());

/// Puts visible signs for control characters (C0, DEL, C1) and for those that change the direction of
/// writing; line breaks and tabs stay.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if !is_active(character) {
            escaped.push(character);
        } else if character.is_ascii() {
            // Writing to a string does not fail.
            let _ = write!(escaped, "\\x{:02x}", u32::from(character));
        } else {
            escaped.extend(character.escape_unicode());
        }
    }
    Cow::Owned(escaped)
}

/// Returns whether a terminal does something else with a character than to show it.
fn is_active(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        other => other.is_control(),
    }
}

/// As [`escape`], with a bar for each line break.
#[must_use]
pub fn one_line(text: &str) -> String {
    escape(text.trim_end())
        .replace('\n', " | ")
        .replace('\t', " ")
}

/// Puts JSON's own signs for what [`escape`] would replace: in JSON such characters are only in strings, and
/// JSON itself asks for signs for some of them only.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_active) {
        return Cow::Borrowed(json);
    }
    let sign = |character: char| match character {
        // All of them are in the first plane: four digits do.
        other if is_active(other) => format!("\\u{:04x}", u32::from(other)),
        other => other.to_string(),
    };
    Cow::Owned(json.chars().map(sign).collect())
}

/// Prints `text` on standard output. A view that fills the terminal ends before that.
///
/// # Errors
///
/// If nobody listens any more.
#[expect(clippy::disallowed_methods, reason = "all others come here")]
pub fn print(text: &str) -> io::Result<()> {
    end_view();
    let mut output = io::stdout().lock();
    output.write_all(escape(text).as_bytes())?;
    output.flush()
}

/// Prints `text` on standard error. A terminal that is gone, or a pipe that nobody reads any more, ends no
/// measurement: what can't be written there is dropped, where `eprintln!` would panic.
///
/// While a view fills the terminal the text waits for its end.
pub fn eprint(text: &str) {
    let text = escape(text);
    if !screen::is_taken() {
        say_waiting();
        write_to_terminal(&text);
        return;
    }
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.len() + text.len() <= LONGEST_WAITING {
        waiting.push_str(&text);
    }
}

/// Ends the view that fills the terminal, if there is one, and writes what waited for that.
#[expect(clippy::disallowed_methods, reason = "no drawing goes on meanwhile")]
fn end_view() {
    let drawing = io::stderr().lock();
    screen::give_back();
    drop(drawing);
    say_waiting();
}

/// Draws a view that is encoded in `text`, unless it has ended.
#[expect(clippy::disallowed_methods, reason = "all others come here")]
fn draw(text: &str) {
    let mut output = io::stderr().lock();
    if screen::is_taken() {
        let _ = output.write_all(text.as_bytes());
    }
}

/// Writes what waited for the end of a view.
fn say_waiting() {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    if !waiting.is_empty() {
        write_to_terminal(&std::mem::take(&mut *waiting));
    }
}

/// Writes `text` on standard error, control sequences and all.
#[expect(clippy::disallowed_methods, reason = "all others come here")]
fn write_to_terminal(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Says `message` on standard error, after the program's name.
pub fn say(message: impl std::fmt::Display) {
    eprint(&format!("fathom: {}\n", quoted(&message.to_string())));
}

/// Marks each line of `message` but the first.
fn quoted(message: &str) -> String {
    message.trim_end().replace('\n', &format!("\n{QUOTED}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let of = [
            "plain, μs\tand\nlines",
            "\x1b]0;owned\x07",
            "a\rb\x08\x7f\0",
            "\u{9b}31m",
            "\u{202e}txt",
        ];
        let expected = [
            "plain, μs\tand\nlines",
            "\\x1b]0;owned\\x07",
            "a\\x0db\\x08\\x7f\\x00",
            "\\u{9b}31m",
            "\\u{202e}txt",
        ];
        assert_eq!(of.map(|text| escape(text).into_owned()), expected);
        for text in of {
            let once = escape(text).into_owned();
            assert_eq!(escape(&once), once);
        }
    }

    #[test]
    fn json_says_the_same_after_it() {
        let hostile = "\x1b]0;\x07 \x7f \u{9b}2J \u{202e} \u{2028} \u{e9}";
        let json = serde_json::to_string(hostile).unwrap();
        let escaped = escape_json(&json);
        assert_eq!(escape(&escaped), escaped);
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), hostile);
        assert!(escaped.contains('\u{e9}'));
    }

    #[test]
    fn a_line_of_others_is_no_line_of_ours() {
        assert_eq!(
            quoted("the guest panicked: a\nvalid: all is well\n"),
            "the guest panicked: a\n  | valid: all is well"
        );
        assert_eq!(one_line("a\nb\x1b\tc\n"), "a | b\\x1b c");
    }
}
