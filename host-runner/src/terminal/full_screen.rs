//! A view that fills the terminal on standard error while it lives.
//!
//! The view is on the alternate screen, so what was on the terminal before is there again afterwards. Each drawing writes
//! every cell: at one drawing a second that is a few kilobytes, and whatever else came to be written there is gone with
//! the next one. Messages of this program wait until the view ends ([`super::eprint`]).
//!
//! No key is read and the terminal is not in raw mode: Ctrl-C and Ctrl-Z are signals as ever. So nothing of crossterm's
//! is needed, whose event loop ratatui's own backend for it brings along: cells become text here.

use std::fmt::Write as _;
use std::io;
use std::sync::Once;

use linux_process::screen;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};
use rustix::termios::tcgetwinsize;
use signal_hook::consts::{SIGABRT, SIGQUIT};

use super::{end_view, is_active};

/// Begins and ends a drawing that a terminal shows as one (DEC private mode 2026); others ignore it.
const DRAWING: [&str; 2] = ["\x1b[?2026h", "\x1b[?2026l"];

/// The terminal, filled with a view of this program's.
#[derive(Debug)]
pub struct FullScreen {
    buffer: Buffer,
}

impl FullScreen {
    /// Begins the view, empty.
    ///
    /// # Errors
    ///
    /// If standard error is no terminal, or one that a job in the background may not change.
    pub fn begin() -> io::Result<Self> {
        give_back_on_every_way_out();
        screen::take()?;
        Ok(Self {
            buffer: Buffer::default(),
        })
    }

    /// Draws what `render` makes of an empty buffer as large as the terminal. A terminal that is gone is drawn on no more,
    /// and ends nothing.
    pub fn draw(&mut self, render: impl FnOnce(&mut Buffer)) {
        let Some(Size { columns, rows }) = Size::of_terminal() else {
            return;
        };
        self.buffer.resize(Rect::new(0, 0, columns, rows));
        self.buffer.reset();
        render(&mut self.buffer);
        super::draw(&text(&self.buffer));
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        end_view();
    }
}

/// Size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Width.
    pub columns: u16,
    /// Height.
    pub rows: u16,
}

impl Size {
    /// Returns the size of the terminal on standard error; `None` if that is none, or does not tell.
    #[must_use]
    pub fn of_terminal() -> Option<Self> {
        let size = tcgetwinsize(rustix::stdio::stderr()).ok()?;
        let size = Self {
            columns: size.ws_col,
            rows: size.ws_row,
        };
        (size.columns > 0 && size.rows > 0).then_some(size)
    }
}

/// Has panics, and signals that end the process at once, give the terminal back.
fn give_back_on_every_way_out() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let earlier = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            end_view();
            earlier(panic);
        }));
        for signal in [SIGQUIT, SIGABRT] {
            // Without it the signal does what it did before.
            let _ = screen::give_back_before_default(signal);
        }
    });
}

/// Returns the text that shows `buffer`: cursor movements and attributes of ECMA-48, and the characters. What a terminal
/// would obey is shown as a question mark.
fn text(buffer: &Buffer) -> String {
    let mut text = String::with_capacity(buffer.content.len() * 2 + 64);
    text.push_str(DRAWING[0]);
    let width = usize::from(buffer.area.width).max(1);
    let mut style = Style::reset();
    text.push_str("\x1b[0m");
    for (row, cells) in (1..).zip(buffer.content.chunks(width)) {
        // Writing to a string does not fail.
        let _ = write!(text, "\x1b[{row};1H");
        for cell in cells {
            if cell.style() != style {
                style = cell.style();
                text.push_str("\x1b[0");
                attributes(style, &mut text);
                text.push('m');
            }
            let shown = |character| if is_active(character) { '?' } else { character };
            text.extend(cell.symbol().chars().map(shown));
        }
    }
    text.push_str("\x1b[0m");
    text.push_str(DRAWING[1]);
    text
}

/// Adds the parameters of the attributes that views use (ECMA-48, 8.3.117).
fn attributes(style: Style, text: &mut String) {
    let modifiers = [
        (Modifier::BOLD, ";1"),
        (Modifier::DIM, ";2"),
        (Modifier::REVERSED, ";7"),
    ];
    for (modifier, parameter) in modifiers {
        if style.add_modifier.contains(modifier) {
            text.push_str(parameter);
        }
    }
    text.push_str(match style.fg {
        Some(Color::Red) => ";31",
        Some(Color::Green) => ";32",
        Some(Color::Yellow) => ";33",
        Some(Color::Cyan) => ";36",
        _ => "",
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_becomes_rows_with_their_attributes() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 2));
        buffer.set_string(
            0,
            0,
            "ab",
            Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        );
        buffer.set_string(1, 1, "c", Style::new());
        let expected =
            "\x1b[?2026h\x1b[0m\x1b[1;1H\x1b[0;1;31mab\x1b[0m \x1b[2;1H c \x1b[0m\x1b[?2026l";
        assert_eq!(text(&buffer), expected);
    }

    #[test]
    fn text_of_others_moves_no_cursor() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        buffer.content[0].set_symbol("\x1b");
        buffer.content[1].set_symbol("\u{9b}");
        buffer.content[2].set_symbol("\u{202e}");
        let text = text(&buffer);
        assert!(text.contains("??? "), "{text:?}");
    }
}
