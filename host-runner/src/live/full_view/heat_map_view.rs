//! The heat map of a full-screen view: latency on a logarithmic axis, a column for each second.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use super::{dim, put};
use crate::live::heat_map::HeatMap;
use crate::quantity;

/// Width of the labels of the axis, in characters.
const LABEL_WIDTH: u16 = 10;

/// Characters for the share of a second's requests that a cell has, and the least share for each.
const SHADES: [(f64, &str); 4] = [(0.1, "█"), (0.01, "▓"), (0.001, "▒"), (0.0, "░")];

/// Meaning of the characters.
const LEGEND: &str = "share of a second: █ over 10 %, ▓ 1 %, ▒ 0.1 %, ░ less";

/// Draws `map` on `area`: the slowest latency at the top, the last second at the right, and a line below that explains
/// both.
pub fn draw(map: &HeatMap, buffer: &mut Buffer, area: Rect) {
    let Some(rows) = area.height.checked_sub(1).filter(|&rows| rows > 0) else {
        return;
    };
    let columns = area.width.saturating_sub(LABEL_WIDTH);
    let Some(shown) = map.shown(usize::from(columns), usize::from(rows)) else {
        return;
    };
    // No more rows than there is room for.
    let count = u16::try_from(shown.edges_ns.len() - 1).unwrap_or(rows);
    for row in 0..count {
        let y = area.y + count - 1 - row;
        let label = format!(
            "{:>8} ",
            quantity::exact_time(rounded(shown.edges_ns[usize::from(row)]))
        );
        let label_area = Rect::new(area.x, y, LABEL_WIDTH, 1);
        put(buffer, label_area, &label, dim());
        for (x, column) in (area.x + LABEL_WIDTH..area.right()).zip(&shown.columns) {
            let symbol = shade(column[usize::from(row)], column.iter().sum());
            buffer[(x, y)].set_symbol(symbol).set_style(Style::new());
        }
    }
    let seconds = shown.columns.len();
    let text = format!("{seconds} s until now; {LEGEND}");
    let legend = Rect::new(area.x, area.y + count, area.width, 1);
    put(buffer, legend, &text, dim());
}

/// Returns the character for `count` of `all` requests of a second.
fn shade(count: u64, all: u64) -> &'static str {
    if count == 0 {
        return " ";
    }
    let share = count as f64 / all as f64;
    let found = SHADES.iter().find(|(least, _)| share >= *least);
    found.map_or(" ", |(_, symbol)| symbol)
}

/// Returns `ns` with two significant digits, which are enough for an axis.
fn rounded(ns: f64) -> f64 {
    let unit = 10_f64.powf(ns.log10().floor() - 1.0);
    (ns / unit).round() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_go_with_the_share() {
        assert_eq!(shade(0, 10), " ");
        let shares = [1, 10, 100, 1000].map(|count| shade(count, 9000));
        assert_eq!(shares, ["░", "▒", "▓", "█"]);
        assert_eq!(shade(5, 5), "█");
    }

    #[test]
    fn edges_are_round() {
        assert_eq!(
            [133.352, 1000.0, 1778.27].map(rounded),
            [130.0, 1000.0, 1800.0]
        );
    }
}
