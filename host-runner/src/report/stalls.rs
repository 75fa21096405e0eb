//! Stalls and the maximum, in words: when, how long, how many requests, and what the host did then.

use crate::quantity::{count, time};
use crate::record::Run;
use crate::report::marked;
use crate::stats::Stall;

/// Returns when the maximum was and what the host did then; `None` without a sample.
#[must_use]
pub fn maximum(run: &Run) -> Option<String> {
    let max_ns = run.latency_ns.max?;
    let mut value = marked::max(run)?.text();
    let stall = run.stalls.iter().find(|stall| stall.max_ns == max_ns);
    let at_ns = run.max_at_ns.or(stall.map(|stall| stall.at_ns));
    if let Some(at_ns) = at_ns {
        value.push_str(&format!(" at {}", time(at_ns as f64)));
    }
    Some(match stall {
        Some(stall) => format!(
            "{value}, in a stall that hit {}; {}",
            requests(stall.requests),
            host(stall)
        ),
        None => match run.noise.beside {
            Some(lost) => format!(
                "{value}; the longest time that the host took from the measuring CPU in the run is {}",
                time(lost.max_gap_ns as f64)
            ),
            None => format!("{value}; the host was not observed in the run"),
        },
    })
}

/// Returns a number of requests in words.
#[must_use]
pub fn requests(number: u64) -> String {
    match number {
        1 => "1 request".to_owned(),
        number => format!("{} requests", count(number)),
    }
}

/// Returns what the host did during `stall`.
#[must_use]
pub fn host(stall: &Stall) -> String {
    match stall.host_gap_ns {
        None => "the host was not observed then".to_owned(),
        Some(0) => "the host took no CPU away then".to_owned(),
        Some(gap_ns) if gap_ns >= stall.length_ns / 2 => {
            format!("the host took a CPU away for {} of it", time(gap_ns as f64))
        }
        Some(gap_ns) => format!(
            "the host took a CPU away for {} only, which does not explain it",
            time(gap_ns as f64)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures;

    #[test]
    fn the_maximum_has_its_time_and_what_the_host_did_then() {
        let mut run = fixtures::closed_run();
        assert_eq!(
            maximum(&run).unwrap(),
            "≥ 1.00 s; the longest time that the host took from the measuring CPU in the run is 81.5 µs"
        );
        run.max_at_ns = Some(300_000_000);
        assert!(
            maximum(&run)
                .unwrap()
                .starts_with("≥ 1.00 s at 300 ms; the longest")
        );
        (run.noise.beside, run.max_at_ns) = (None, None);
        assert!(maximum(&run).unwrap().ends_with("not observed in the run"));
        let stall = Stall {
            at_ns: 512_000_000,
            length_ns: 1_000_000,
            requests: 1,
            max_ns: run.latency_ns.max.unwrap(),
            host_gap_ns: Some(990_000),
        };
        run.stalls = vec![Stall::default(), stall];
        assert_eq!(
            maximum(&run).unwrap(),
            "≥ 1.00 s at 512 ms, in a stall that hit 1 request; the host took a CPU away for 990 µs of it"
        );
        let host_of = |host_gap_ns| {
            host(&Stall {
                host_gap_ns,
                ..stall
            })
        };
        assert!(host_of(Some(1000)).ends_with("1.00 µs only, which does not explain it"));
        assert_eq!(host_of(Some(0)), "the host took no CPU away then");
        assert_eq!(host_of(None), "the host was not observed then");
        run.latency_ns.max = None;
        assert_eq!(maximum(&run), None);
    }
}
