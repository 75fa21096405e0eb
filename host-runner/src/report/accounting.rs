//! Account of the requests, in words.

use std::fmt::Write as _;

use crate::link::fault::DirectionCounts;
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
    let (waiting, dropped) = (losses.waiting_at_end, losses.dropped_by_host.unwrap_or(0));
    let too_long = losses.too_long_for_guest;
    let elsewhere = losses
        .not_received_by_guest
        .saturating_sub(waiting + dropped + too_long);
    let places = [
        (elsewhere, "never reached the service"),
        (
            waiting,
            "still waiting for one of the guest's receive buffers at the end",
        ),
        (too_long, "too long for the guest's receive buffers"),
        (dropped, "dropped by a full queue of this host"),
        (losses.dropped_by_guest, "dropped by the service"),
        (losses.answer_lost, "answered in vain"),
    ];
    let found = places.iter().filter(|(number, _)| *number > 0);
    let found: Vec<String> = found
        .map(|(number, place)| format!("{} {place}", count(*number)))
        .collect();
    (!found.is_empty()).then(|| found.join(", "))
}

/// Returns what became of requests and answers under injected faults, direction by direction; `None` if none were
/// injected.
#[must_use]
pub fn faults(run: &Run) -> Option<[(&'static str, String); 2]> {
    let fault = run.fault.as_ref()?;
    let requests = &fault.requests;
    let direction = |counts: &DirectionCounts, lost: u64, corrupted: u64| {
        let done = [
            (counts.duplicated, "duplicated"),
            (counts.reordered, "reordered"),
            (counts.delayed, "delayed"),
        ];
        let mut text = format!(
            "{} frames; of measured requests {} lost, {} corrupted",
            count(counts.frames),
            count(lost),
            count(corrupted)
        );
        for (number, what) in done.into_iter().filter(|(number, _)| *number > 0) {
            let _ = write!(text, "; {} frames {what}", count(number));
        }
        text
    };
    let (to, from) = (&fault.to_guest, &fault.from_guest);
    let to = direction(to, requests.lost_to_guest, requests.corrupted_to_guest);
    let mut from = direction(
        from,
        requests.lost_from_guest,
        requests.corrupted_from_guest,
    );
    for (number, what) in [
        (requests.unanswered, "not answered by the service"),
        (fault.answered_late, "answered after the timeout"),
    ] {
        if number > 0 {
            let _ = write!(from, "; {} {what}", count(number));
        }
    }
    Some([("to guest", to), ("from guest", from)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures;
    use crate::record::run::Losses;

    fn closed_run_with(losses: Losses) -> Run {
        let mut run = fixtures::closed_run();
        run.losses = Some(losses);
        run
    }

    #[test]
    fn losses_are_reported_with_their_places() {
        let mut run = fixtures::closed_run();
        assert_eq!(sentence(&run), "1,000 sent (1.00k/s), 2 lost; 1 late");
        run.losses = Some(Losses {
            not_received_by_guest: 1,
            answer_lost: 1,
            ..Losses::default()
        });
        let waiting = Losses {
            not_received_by_guest: 50,
            waiting_at_end: 20,
            too_long_for_guest: 2,
            dropped_by_host: Some(23),
            ..Losses::default()
        };
        assert_eq!(
            places(&closed_run_with(waiting)).unwrap(),
            "5 never reached the service, 20 still waiting for one of the guest's receive buffers at the end, \
             2 too long for the guest's receive buffers, 23 dropped by a full queue of this host"
        );
        run.dropped_locally = 3;
        run.send_errors = [("EPERM".to_owned(), 4)].into();
        assert_eq!(
            sentence(&run),
            "1,000 sent (1.00k/s), 2 lost: 1 never reached the service, 1 answered in vain; 7 not sent by \
             this host; 1 late"
        );
        assert_eq!(faults(&run), None);
        run.fault = Some(fixtures::fault_record());
        let [(_, to), (_, from)] = faults(&run).unwrap();
        assert_eq!(to, "1,500 frames; of measured requests 1 lost, 0 corrupted");
        assert_eq!(
            from,
            "1,497 frames; of measured requests 1 lost, 0 corrupted"
        );
        let fault = run.fault.as_mut().unwrap();
        (fault.to_guest.duplicated, fault.requests.unanswered) = (4, 5);
        let [(_, to), (_, from)] = faults(&run).unwrap();
        assert!(to.ends_with("; 4 frames duplicated"), "{to}");
        assert!(from.ends_with("; 5 not answered by the service"), "{from}");
        (run.lost, run.losses) = (0, None);
        assert!(sentence(&run).contains(", none lost;"));
    }
}
