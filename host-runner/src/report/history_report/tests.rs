//! Forms of a history: they say the same, and need nothing else.

use super::{history_csv, history_page, history_table};
use crate::judge::history::result_fixtures::{NEW, dated, night, quick, set_new_code};
use crate::judge::history::{History, Unread};
use crate::record::{Record, fixtures};

/// A history in which latencies rise by 8 % with new code, and the newest result lies farther off.
fn history() -> History {
    let record = |number: usize| {
        let level = match number {
            0..14 => 1.0,
            14..24 => 1.08,
            _ => 1.3,
        };
        let mut record: Record = night(number, level);
        let mut cost = fixtures::hermit_cost();
        if number >= 14 {
            set_new_code(&mut record);
            cost.instructions_per_echo = Some(512.0);
        }
        record.why = vec![cost];
        record
    };
    let records: Vec<Record> = (0..25).map(record).collect();
    let unread = Unread {
        directory: "results/<b>".to_owned(),
        reason: "it is \u{1b}[2J damaged".to_owned(),
    };
    History::of(dated(&records), vec![unread], &quick())
}

#[test]
fn the_page_needs_nothing_but_itself_and_says_all() {
    let html = history_page::render(&history()).unwrap();
    for reference in [
        "http:", "https:", "src=", "url(", "@import", "<script", "<link", "<b>", "\u{1b}",
    ] {
        assert!(!html.contains(reference), "{reference}");
    }
    for words in [
        "<h1>History: 2 changes found</h1>",
        "▲ worse: p50 +8.",
        "code: 8269e39aa0c1 -&gt; bf2fc61d0e55",
        "Possible, hermit on unix, closed loop, 64 bytes: the newest result: p50 +",
        " more like this would tell",
        "hermit: instructions per echo",
        "495.6 -&gt; 512",
        "&lt;b&gt;: it is ",
        "id=\"series-0\"",
    ] {
        assert!(html.contains(words), "{words}\n{html}");
    }
    assert_eq!(html.matches("<svg class=\"plot wide").count(), 4);
    let empty = History::of(Vec::new(), Vec::new(), &quick());
    assert!(
        history_page::render(&empty)
            .unwrap()
            .contains("no change found")
    );
}

#[test]
fn the_table_names_each_change_with_its_cause() {
    let text = history_table::render(&history());
    for words in [
        "hermit on unix, closed loop, 64 bytes\n  results    25, 2027-01-15 to 2027-02-08; 1 change point\n",
        "  worse      from 2027-01-29 08:00 on (results/14)",
        "code: 8269e39aa0c1 -> bf2fc61d0e55\n",
        "  possible   the newest result: p50 +",
        "from result to result; a step of p50 by +",
        "hermit: instructions per echo\n  worse      from 2027-01-29 08:00 on: 495.6 -> 512 (+3.3 %)",
        "host       00ff00ff00ff00ff is quiet: 0 of 25 runs not valid",
        "not read   results/<b>: ",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_row_of_the_csv_is_a_result() {
    let history = history();
    let text = history_csv::render(&history);
    let mut lines = text.lines();
    let head = "time,commit,branch,rounds,p50_ns,p90_ns,p99_ns,p99.9_ns";
    assert_eq!(lines.next(), Some(head));
    assert_eq!(lines.clone().count(), 25);
    let last = lines.next_back().unwrap();
    let p50 = history.series[0].results[24].values_ns[0];
    let start = format!(
        "2027-02-08T08:00:00Z,\"{NEW}\",\"hermit on unix, closed loop, 64 bytes\",1,{p50},"
    );
    assert!(last.starts_with(&start), "{last}");
}
