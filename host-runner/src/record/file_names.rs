//! Names of the files of a result.

/// The record.
pub const RESULT: &str = "result.json";

/// The intervals so far of a run that is under way, or that was killed.
pub const UNFINISHED: &str = "unfinished.hlog";

/// The reason why nothing was measured, beside the output of a guest.
pub const FAILURE: &str = "failure.txt";

/// Ending of the name of an uncorrected distribution's files, before the dot.
pub const UNCORRECTED: &str = "-uncorrected";

/// Returns the name of the console log of an attempt in a round.
#[must_use]
pub fn console_log(label: &str, link: &str, round: u32, attempt: u32) -> String {
    let target = label.replace(':', "-");
    format!("{target}-{link}-round-{round}.{attempt}.log")
}
