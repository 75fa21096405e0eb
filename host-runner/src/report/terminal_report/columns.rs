//! Columns of text, each as wide as its widest cell.

use std::fmt::Write as _;

/// Room between two columns, in characters.
const GAP: usize = 2;

/// Returns `rows` as lines. The columns numbered in `left` begin at their left, all others end at their
/// right; nothing follows the last cell of a line.
#[must_use]
pub fn lines(rows: &[Vec<String>], left: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let gap = if column == 0 { 0 } else { GAP };
            let width = widths[column];
            let _ = match left.contains(&column) {
                true => write!(line, "{:gap$}{cell:<width$}", ""),
                false => write!(line, "{:gap$}{cell:>width$}", ""),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["a", "µs", "state"]), row(["long", "1", "ok"])];
        assert_eq!(lines(&rows, &[0, 2]), "a     µs  state\nlong   1  ok\n");
        assert_eq!(lines(&[], &[]), "");
    }
}
