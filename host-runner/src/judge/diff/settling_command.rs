//! The command that measures what two results were of in turns, which settles what results of different hours can't.

use super::diff_case::Case;
use super::findings::LatencyFinding;
use crate::record::Record;
use crate::record::system_label::label;

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
    let is_unikernel = |case: &Case<'_>| case.run.target.starts_with("hermit");
    let (a, b) = pairs
        .iter()
        .find(|(a, b)| is_unikernel(a) && is_unikernel(b))?;
    let digest = |record: &Record| {
        let image = record.environment.image.as_ref()?;
        image.sha256.get(..DIGITS).map(str::to_owned)
    };
    let (digest_a, digest_b) = (digest(records.0), digest(records.1));
    let targets = match (digest_a, digest_b) {
        (Some(digest_a), Some(digest_b)) if digest_a != digest_b => format!(
            "{}=sha256:{digest_a},{}=sha256:{digest_b}",
            named(a, "a"),
            named(b, "b")
        ),
        _ => format!("{},{}", a.label(), b.label()),
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
    let target = format!("{}@{image}", case.run.target);
    label(&target, case.run.responder.as_deref())
}

/// Returns the most boots that a finding has of both.
fn latest(latency: &[LatencyFinding]) -> u32 {
    let rounds = latency
        .iter()
        .map(|finding| finding.rounds_a.min(finding.rounds_b));
    rounds.max().unwrap_or(0) as u32
}
