//! Targets of a comparison that were not measured.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::MergedRuns;
use super::system_label::label;

/// A target that was not measured on a link, or only in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Skipped {
    /// The target's name.
    pub target: String,
    /// Variant of the target: how the service on Linux waits for datagrams, or `smoltcp` if that answers in
    /// the unikernel; null elsewhere.
    pub responder: Option<String>,
    /// The link's name.
    pub link: String,
    /// In which round it was given up; null if it was never tried or can't be done here.
    pub round: Option<u32>,
    /// Reason, in words.
    pub reason: String,
}

impl Skipped {
    /// Returns true if it is this target on this link.
    #[must_use]
    pub fn is(&self, merged: &MergedRuns) -> bool {
        (&self.target, &self.responder, &self.link)
            == (&merged.target, &merged.responder, &merged.link)
    }
}

impl Skipped {
    /// Returns the targets skipped and the reasons, in words: a line for each reason.
    #[must_use]
    pub fn lines(skipped: &[Self]) -> Vec<String> {
        let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
        for case in skipped {
            let what = case.what();
            match by_reason
                .iter_mut()
                .find(|(reason, _)| *reason == case.reason)
            {
                Some((_, others)) => others.push(what),
                None => by_reason.push((&case.reason, vec![what])),
            }
        }
        let line = |(reason, what): (&str, Vec<String>)| format!("{}: {reason}", what.join(", "));
        by_reason.into_iter().map(line).collect()
    }

    fn what(&self) -> String {
        let label = label(&self.target, self.responder.as_deref());
        let from = self.round.map(|round| format!(" from round {round} on"));
        format!("{label} on {}{}", self.link, from.unwrap_or_default())
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what(), self.reason)
    }
}
