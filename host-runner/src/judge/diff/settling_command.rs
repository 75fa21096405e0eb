//! The command that measures what two results were of in turns, which settles what results of different hours can't.

use super::diff_case::Case;
use super::findings::LatencyFinding;
use crate::record::Record;
use crate::record::system_label::{kind, label};

/// Digits of an image's digest that name it.
const DIGITS: usize = 12;

/// Rounds of a comparison, unless more are needed.
const ROUNDS: u32 = 7;

/// Returns the command for the first of `pairs` whose target is a unikernel; `None` if none is.
pub(super) fn command(
    records: (&Record, &Record),
    pairs: &[(&Case<'_>, &Case<'_>)],
    latency: &[LatencyFinding],
) -> Option<String> {
    let (a, b) = pairs
        .iter()
        .find(|(a, b)| a.is_unikernel() && b.is_unikernel())?;
    // Of records that do not know it by run, it is that of the last guest.
    let digest = |record: &Record, case: &Case<'_>| {
        let image = (case.run.image.as_ref()).or(record.environment.image.as_ref())?;
        image.sha256.get(..DIGITS).map(str::to_owned)
    };
    let (digest_a, digest_b) = (digest(records.0, a), digest(records.1, b));
    let targets = match (digest_a, digest_b) {
        // The first is held against the others.
        (Some(digest_a), Some(digest_b)) if digest_a != digest_b => format!(
            "{}=sha256:{digest_b},{}=sha256:{digest_a}",
            named(b, "b"),
            named(a, "a")
        ),
        _ => format!("{},{}", b.label(), a.label()),
    };
    let missing = latency.iter().filter_map(|finding| finding.rounds_missing);
    let rounds = missing
        .max()
        .map_or(ROUNDS, |missing| missing + latest(latency));
    let link = &b.run.link;
    Some(format!(
        "fathom compare --targets {targets} --links {link} --repeat {}",
        rounds.max(ROUNDS)
    ))
}

/// Returns the target of `case`, with a label that tells its image from the other.
fn named(case: &Case<'_>, image: &str) -> String {
    let target = format!("{}@{image}", kind(&case.run.target));
    label(&target, case.run.responder.as_deref())
}

/// Returns the most boots that a finding has of both.
fn latest(latency: &[LatencyFinding]) -> u32 {
    let rounds = latency
        .iter()
        .map(|finding| finding.rounds_a.min(finding.rounds_b));
    rounds.max().unwrap_or(0) as u32
}
