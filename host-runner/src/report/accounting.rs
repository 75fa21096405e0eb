//! Account of the requests, in words.

use std::fmt::Write as _;

use crate::quantity::{self, count};
use crate::record::Run;

/// Returns the line for people: `698,992 sent (699k/s), none lost`.
#[must_use]
pub fn sentence(run: &Run) -> String {
    let mut text = format!("{} sent", count(run.sent));
    if let Some(rate) = run.achieved_rate {
        let what = if run.depth.is_some() { " echoes" } else { "" };
        let _ = write!(text, " ({}{what}/s)", quantity::rate(rate));
    }
    match run.lost {
        0 => text.push_str(", none lost"),
        lost => {
            let _ = write!(text, ", {} lost", count(lost));
            if let Some(places) = places(run) {
                let _ = write!(text, ": {places}");
            }
        }
    }
    let refused: u64 = run.send_errors.values().sum();
    for (number, what) in [
        (
            refused.saturating_add(run.dropped_locally),
            "not sent by this host",
        ),
        (run.late, "late"),
        (run.corrupted, "corrupted"),
        (run.foreign, "from another boot"),
        (run.in_flight_at_end, "unanswered at the end"),
    ] {
        if number > 0 {
            let _ = write!(text, "; {} {what}", count(number));
        }
    }
    text
}

/// Returns where requests were lost: `2 never reached the service`. `None` if the service has no counters
/// to tell.
#[must_use]
pub fn places(run: &Run) -> Option<String> {
    let losses = run.losses.as_ref()?;
    let places = [
        (losses.not_received_by_guest, "never reached the service"),
        (losses.dropped_by_guest, "dropped by the service"),
        (losses.answer_lost, "answered in vain"),
    ];
    let found = places.iter().filter(|(number, _)| *number > 0);
    let found: Vec<String> = found
        .map(|(number, place)| format!("{} {place}", count(*number)))
        .collect();
    (!found.is_empty()).then(|| found.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures;
    use crate::record::run::Losses;

    #[test]
    fn losses_are_reported_with_their_places() {
        let mut run = fixtures::closed_run();
        assert_eq!(sentence(&run), "1,000 sent (1.00k/s), 2 lost; 1 late");
        run.losses = Some(Losses {
            not_received_by_guest: 1,
            answer_lost: 1,
            ..Losses::default()
        });
        run.dropped_locally = 3;
        run.send_errors = [("EPERM".to_owned(), 4)].into();
        assert_eq!(
            sentence(&run),
            "1,000 sent (1.00k/s), 2 lost: 1 never reached the service, 1 answered in vain; 7 not sent by \
             this host; 1 late"
        );
        (run.lost, run.losses) = (0, None);
        assert!(sentence(&run).contains(", none lost;"));
    }
}
