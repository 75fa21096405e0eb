//! Share that the targets' own QEMU threads took of the measuring thread's CPU, on a host without a third CPU
//! for them: where the shares differ, so do the latencies, and not for the guests' sake.

use crate::quantity;
use crate::record::Run;
use crate::stats::median::median;

/// The least difference of two targets' shares that is told.
const TOLD: f64 = 0.03;

/// Returns a sentence for each link on which the shares of the targets in `runs` differ by more than a few
/// points.
#[must_use]
pub fn lines(runs: &[Run]) -> Vec<String> {
    let mut links: Vec<&str> = Vec::new();
    for run in runs {
        if !links.contains(&run.link.as_str()) {
            links.push(&run.link);
        }
    }
    links
        .into_iter()
        .filter_map(|link| on_link(link, runs))
        .collect()
}

fn on_link(link: &str, runs: &[Run]) -> Option<String> {
    let on_it = || runs.iter().filter(|run| run.link == link);
    let mut shares: Vec<(String, f64)> = Vec::new();
    for run in on_it() {
        let label = run.target_label();
        if !shares.iter().any(|(known, _)| *known == label) {
            let own = on_it().filter(|run| run.target_label() == label);
            let own: Vec<f64> = own.filter_map(share).collect();
            shares.extend(median(own).map(|share| (label, share)));
        }
    }
    let by_share = |a: &&(String, f64), b: &&(String, f64)| a.1.total_cmp(&b.1);
    let (least, most) = (
        shares.iter().min_by(by_share)?,
        shares.iter().max_by(by_share)?,
    );
    (most.1 - least.1 > TOLD).then(|| {
        format!(
            "on {link} QEMU's own threads took {} of the measuring CPU with {} and {} with {}: with a third \
             CPU this would be smaller",
            quantity::share(most.1),
            most.0,
            quantity::share(least.1),
            least.0
        )
    })
}

fn share(run: &Run) -> Option<f64> {
    let share = run.noise.own_beside_ns? as f64 / run.elapsed_ns as f64;
    share.is_finite().then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixtures;

    fn run(target: &str, own_ns: Option<u64>) -> Run {
        let mut run = fixtures::closed_run();
        run.target = target.to_owned();
        run.elapsed_ns = 1_000_000_000;
        run.noise.own_beside_ns = own_ns;
        run
    }

    #[test]
    fn shares_that_differ_are_told_and_others_are_not() {
        let hermit = run("hermit", Some(1_000_000));
        let linux = run("linux-guest", Some(130_000_000));
        let lines = lines(&[hermit.clone(), linux, run("null", None)]);
        assert_eq!(lines.len(), 1, "{lines:?}");
        for part in ["on unix", "13", "linux-guest", "hermit", "third CPU"] {
            assert!(lines[0].contains(part), "{lines:?}");
        }
        let alike = run("linux-guest", Some(20_000_000));
        assert_eq!(super::lines(&[hermit, alike]), [""; 0]);
    }
}
