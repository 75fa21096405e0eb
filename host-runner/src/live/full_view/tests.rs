//! Views of one snapshot on terminals of several sizes. `FATHOM_WRITE_VIEWS=1` writes them anew.

use std::fs;
use std::path::PathBuf;

use super::super::sample;
use super::*;

/// Returns the characters of `buffer`, row by row, without spaces at the ends.
fn characters(buffer: &Buffer) -> String {
    let rows = buffer.content.chunks(usize::from(buffer.area.width));
    let rows = rows.map(|row| {
        let row: String = row.iter().map(|cell| cell.symbol()).collect();
        row.trim_end().to_owned() + "\n"
    });
    rows.collect()
}

fn drawn(snapshot: &LiveSnapshot, colours: Colours, columns: u16, rows: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    draw(snapshot, colours, &mut buffer);
    buffer
}

/// Compares the view on a terminal of `columns` by `rows` with the one that is kept.
fn check(columns: u16, rows: u16) {
    let text = characters(&drawn(&sample::snapshot(), Colours::Shown, columns, rows));
    let name = format!("src/live/full_view/{columns}x{rows}.txt");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("FATHOM_WRITE_VIEWS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert_eq!(
        text, kept,
        "the view on {columns}x{rows} is another:\n{text}"
    );
}

#[test]
fn a_large_terminal_has_everything() {
    check(120, 40);
}

#[test]
fn an_ordinary_terminal_has_a_smaller_map() {
    check(80, 24);
}

#[test]
fn the_smallest_terminal_for_a_view_by_default_has_no_map() {
    check(60, 16);
}

#[test]
fn a_narrow_terminal_has_the_table_and_the_judgement() {
    check(40, 10);
}

#[test]
fn what_is_smaller_has_one_line_and_nothing_panics() {
    let snapshot = sample::snapshot();
    for columns in 1..130 {
        for rows in 1..45 {
            let text = characters(&drawn(&snapshot, Colours::Shown, columns, rows));
            let is_view = columns >= LEAST.columns && rows >= LEAST.rows;
            assert_eq!(
                text.contains("p99.9 "),
                is_view,
                "{columns}x{rows}:\n{text}"
            );
            if is_view {
                assert!(text.contains("valid"), "{columns}x{rows}:\n{text}");
                assert!(text.contains("Ctrl-C"), "{columns}x{rows}:\n{text}");
            }
            let is_mapped = text.contains('█');
            assert!(!is_mapped || columns >= WIDE, "{columns}x{rows}:\n{text}");
        }
    }
}

#[test]
fn nothing_is_told_by_colour_alone() {
    let mut snapshot = sample::snapshot();
    for objective in &mut snapshot.objectives {
        objective.state = crate::record::ObjectiveState::Missed;
    }
    let with = drawn(&snapshot, Colours::Shown, 120, 40);
    let without = drawn(&snapshot, Colours::Absent, 120, 40);
    assert_eq!(characters(&with), characters(&without));
    assert!(with.content.iter().any(|cell| cell.fg == Color::Red));
    assert!(without.content.iter().all(|cell| cell.fg == Color::Reset));
    assert!(characters(&without).contains("missed so far"));
}

#[test]
fn before_the_first_sample_there_is_a_view_as_well() {
    let text = characters(&drawn(&sample::empty(), Colours::Shown, 80, 24));
    assert!(
        text.contains("booting") && text.contains("nothing measured yet"),
        "{text}"
    );
    assert!(text.contains("n/a (needs 10,000)"), "{text}");
}

#[test]
fn what_is_waited_for_is_there_before_the_measurement() {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 10));
    let message = "waiting for another measurement on this host, for 600s at most (`--wait`)";
    draw_waiting(LiveStage::Preparing, Some(message), &mut buffer);
    let text = characters(&buffer);
    assert!(
        text.starts_with("preparing\nwaiting for another measurement"),
        "{text}"
    );
    assert!(text.contains("at most (`--wait`)"), "{text}");
}

#[test]
fn text_of_others_has_its_row_and_no_more() {
    let snapshot = LiveSnapshot {
        title: "x".repeat(500),
        message: Some("\x1b[2J\u{202e}wide 広い".repeat(40)),
        ..sample::snapshot()
    };
    let buffer = drawn(&snapshot, Colours::Shown, 80, 24);
    assert!(characters(&buffer).contains('…'));
}
