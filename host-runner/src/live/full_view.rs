//! The full-screen view of a measurement: a pure function from a snapshot to the cells of a terminal.
//!
//! From the top: title and progress, the table of latency, lines about the run, the heat map, and how to end it. A part
//! for which there is no room is left out, the least important first; the table and the judgement stay down to
//! [`LEAST`]. The heat map needs 60 columns.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};

use super::live_lines::{Bearing, cell, lines, progress, time};
use super::live_snapshot::{LiveSnapshot, LiveStage, shown};
use crate::quantity;
use crate::terminal::full_screen::Size;

mod heat_map_view;

/// The smallest terminal that a view is drawn on.
pub const LEAST: Size = Size {
    columns: 40,
    rows: 10,
};

/// Width from which on there is a heat map, and more words.
const WIDE: u16 = 60;

/// Height from which on blank lines set the parts off.
const TALL: u16 = 24;

/// Width of the names at the left, in characters.
const NAME_WIDTH: u16 = 10;

/// The same on a narrow terminal.
const NARROW_NAME_WIDTH: u16 = 7;

/// Widest column of the table, in characters.
const WIDEST_COLUMN: u16 = 24;

/// Least number of rows of a heat map, with its axis.
const LEAST_MAP_ROWS: u16 = 5;

/// The last row.
const ENDING: &str = "Ctrl-C ends it; then the report follows";

/// Use of colours. Nothing is told by colour alone, so that the view without says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Colours of the terminal.
    Shown,
    /// None, as `NO_COLOR` asks for (no-color.org); text may still be bold.
    Absent,
}

impl Colours {
    /// Returns the style of text with `bearing`.
    const fn of(self, bearing: Bearing) -> Style {
        let style = Style::new();
        match (self, bearing) {
            (Self::Absent, _) | (_, Bearing::Neutral) => style,
            (Self::Shown, Bearing::Good) => style.fg(Color::Green),
            (Self::Shown, Bearing::Doubtful) => style.fg(Color::Yellow),
            (Self::Shown, Bearing::Bad) => style.fg(Color::Red),
        }
    }
}

/// Draws `snapshot` on all of `buffer`.
pub fn draw(snapshot: &LiveSnapshot, colours: Colours, buffer: &mut Buffer) {
    let area = buffer.area;
    if area.width < LEAST.columns || area.height < LEAST.rows {
        let text = format!("{}: {}", snapshot.title, progress(snapshot));
        put(buffer, Rect { height: 1, ..area }, &text, Style::new());
        return;
    }
    let is_tall = area.height >= TALL;
    let mut rows = Rows {
        area: Rect {
            height: area.height - 1,
            ..area
        },
        next: area.y,
    };
    title(snapshot, buffer, rows.take());
    if area.height > LEAST.rows + 5 {
        put(buffer, rows.take(), &snapshot.load, dim());
    }
    if is_tall {
        rows.take();
    }
    table(snapshot, buffer, &mut rows);
    if is_tall {
        rows.take();
    }
    let name_width = name_width(area.width);
    let facts = lines(snapshot);
    let is_mapped = area.width >= WIDE && rows.left() >= LEAST_MAP_ROWS + 3;
    // Of many objectives the first few are shown with the map; all of them without it.
    let most = match is_mapped {
        true => usize::from(rows.left() - LEAST_MAP_ROWS),
        false => usize::from(rows.left()),
    };
    for line in facts.iter().take(most) {
        let row = rows.take();
        put(buffer, row, line.name, bold());
        let text = Rect {
            x: row.x + name_width,
            width: row.width - name_width,
            ..row
        };
        put(buffer, text, &line.text, colours.of(line.bearing));
    }
    if is_mapped {
        if is_tall && rows.left() > LEAST_MAP_ROWS {
            rows.take();
        }
        heat_map_view::draw(&snapshot.heat_map, buffer, rows.rest());
    }
    let last = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    put(buffer, last, ENDING, dim());
}

/// Draws the `stage` and the last message, before there is a measurement.
pub fn draw_waiting(stage: LiveStage, message: Option<&str>, buffer: &mut Buffer) {
    let mut rows = Rows {
        area: buffer.area,
        next: buffer.area.y,
    };
    put(buffer, rows.take(), stage.in_words(), bold());
    // A message of some length goes on in the next rows.
    let width = usize::from(buffer.area.width).max(1);
    let message: Vec<char> = message.unwrap_or_default().chars().collect();
    for part in message.chunks(width) {
        let part: String = part.iter().collect();
        put(buffer, rows.take(), &part, Style::new());
    }
}

/// Rows that are handed out from the top.
struct Rows {
    area: Rect,
    next: u16,
}

impl Rows {
    /// Returns the next row; an empty one if none is left.
    fn take(&mut self) -> Rect {
        let row = Rect {
            y: self.next,
            height: u16::from(self.left() > 0),
            ..self.area
        };
        self.next += row.height;
        row
    }

    const fn left(&self) -> u16 {
        self.area.bottom() - self.next
    }

    /// Returns all rows that are left.
    const fn rest(&self) -> Rect {
        Rect {
            y: self.next,
            height: self.left(),
            ..self.area
        }
    }
}

fn title(snapshot: &LiveSnapshot, buffer: &mut Buffer, row: Rect) {
    let mut progress = progress(snapshot);
    let is_under_way = matches!(snapshot.stage, LiveStage::Measuring);
    if is_under_way && width(&snapshot.title) + width(&progress) >= row.width {
        // The time alone says that something is measured.
        progress = time(snapshot);
    }
    let progress_width = width(&progress);
    let title = Rect {
        width: row.width.saturating_sub(progress_width + 1),
        ..row
    };
    put(buffer, title, &snapshot.title, bold());
    // Where both don't fit, the progress is what changes.
    let from = row.width.saturating_sub(progress_width);
    let right = Rect {
        x: row.x + from,
        width: row.width - from,
        ..row
    };
    put(buffer, right, &progress, Style::new());
}

/// Draws the table of latency: a row for each percentile, a column for each window.
fn table(snapshot: &LiveSnapshot, buffer: &mut Buffer, rows: &mut Rows) {
    let area = rows.area;
    let name_width = name_width(area.width);
    let column = ((area.width - name_width) / 3).min(WIDEST_COLUMN);
    let names = match column >= 13 {
        true => ["last second", "last 10 s", "whole run"],
        false => ["1 s", "10 s", "run"],
    };
    let mut put_row = |buffer: &mut Buffer, name: &str, cells: [String; 3], style: Style| {
        let row = rows.take();
        put(buffer, row, name, bold());
        for (index, text) in (0..).zip(&cells) {
            let from = name_width + index * column + column.saturating_sub(width(text));
            let cell = Rect {
                x: row.x + from,
                width: row.width.saturating_sub(from),
                ..row
            };
            put(buffer, cell, text, style);
        }
    };
    let name = if area.width >= WIDE { "latency" } else { "" };
    put_row(buffer, name, names.map(str::to_owned), bold());
    for (index, percentile) in shown().iter().enumerate() {
        let cells = snapshot
            .windows
            .map(|window| match window.percentiles[index] {
                None if column >= 20 => {
                    let needed = quantity::count(percentile.samples_needed());
                    format!("n/a (needs {needed})")
                }
                figure => cell(figure),
            });
        put_row(buffer, percentile.name, cells, Style::new());
    }
    let max = snapshot.windows.map(|window| cell(window.max));
    put_row(buffer, "max", max, Style::new());
    let samples = snapshot
        .windows
        .map(|window| quantity::count(window.samples));
    put_row(buffer, "n", samples, dim());
}

const fn name_width(width: u16) -> u16 {
    if width >= WIDE {
        NAME_WIDTH
    } else {
        NARROW_NAME_WIDTH
    }
}

/// Writes `text` into one row, as much of it as fits; what is cut off ends in an ellipsis.
fn put(buffer: &mut Buffer, row: Rect, text: &str, style: Style) {
    if row.height == 0 || row.width == 0 {
        return;
    }
    if width(text) <= row.width {
        buffer.set_string(row.x, row.y, text, style);
    } else {
        let most = usize::from(row.width);
        buffer.set_stringn(row.x, row.y, text, most.saturating_sub(1), style);
        buffer.set_string(row.right() - 1, row.y, "…", style);
    }
}

/// Returns the width of `text`, in characters of the terminal.
fn width(text: &str) -> u16 {
    u16::try_from(ratatui_core::text::Line::raw(text).width()).unwrap_or(u16::MAX)
}

const fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

const fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

#[cfg(test)]
mod tests;
