//! Reasons why one target is faster than another: what an echo costs it, what it takes to start, what it holds.
//!
//! In the record, and on one screen. Latency depends on the machine that it is measured on; these
//! figures do not, or hardly, and say so themselves ([`WHAT_HOLDS`]).

use serde::{Deserialize, Serialize};

use super::system_label::label;
use crate::quantity::{bytes, count, per_echo, time};

/// Extent to which each of a comparison's figures holds.
pub const WHAT_HOLDS: &str = "Instructions, doorbells, interrupts and image size hold on any machine: \
    they are counted, not timed; but a Linux \
    guest that polls takes interrupts at the pace of its requests. Resident memory nearly does: QEMU's own share differs from one build \
    of it to another. The time to the first reply is this machine's, but which target is sooner \
    hardly depends on it. Latency holds on this machine only, and under TCG under this emulator only.";

/// Cost of an echo on a target and a link, and what the target takes. Null is what does not exist
/// there, or could not be seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "Why")]
pub struct SystemCost {
    /// The target.
    pub target: String,
    /// Variant of the target: how the service on Linux waits for datagrams, or `smoltcp` if that answers in
    /// the unikernel; null elsewhere.
    pub responder: Option<String>,
    /// The link's name.
    pub link: String,
    /// Instructions of the guest per echo at full load, the same for every link: counted by QEMU on
    /// link vhost-user.
    pub instructions_per_echo: Option<f64>,
    /// The lower and the upper quartile of that over the windows counted, of which it is the median.
    #[serde(default)]
    pub instructions_quartiles: Option<[f64; 2]>,
    /// Doorbells that the guest rings for an echo that is alone.
    pub doorbells_per_echo: Option<f64>,
    /// Interrupts that the guest takes for it.
    pub interrupts_per_echo: Option<f64>,
    /// From QEMU's start, or the responder's, to the first reply, in milliseconds: the median over the
    /// repetitions.
    pub first_reply_ms: Option<f64>,
    /// The resident memory of QEMU or the responder after the measurement, in bytes: the median
    /// likewise.
    pub resident_bytes: Option<u64>,
    /// The memory that the guest was given, in bytes.
    pub memory_bytes: Option<u64>,
    /// The files that are loaded to start it, in bytes.
    pub image_bytes: Option<u64>,
}

impl SystemCost {
    /// The target with its mode.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.target, self.responder.as_deref())
    }

    /// Returns true if there is nothing to be told: a thread of this program has none of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nothing = Self {
            target: self.target.clone(),
            responder: self.responder.clone(),
            link: self.link.clone(),
            ..Self::default()
        };
        *self == nothing
    }

    /// The figures in words, in the order of [`HEAD`].
    #[must_use]
    pub fn cells(&self) -> [String; 6] {
        [
            known(self.instructions_per_echo, |instructions| {
                count(instructions.round() as u64)
            }),
            known(self.doorbells_per_echo, per_echo),
            known(self.interrupts_per_echo, per_echo),
            known(self.first_reply_ms, |ms| time(ms * 1e6)),
            known(self.resident_bytes, bytes),
            known(self.image_bytes, bytes),
        ]
    }
}

/// Sign for a figure that is not known.
pub const UNKNOWN: &str = "-";

/// Names of the figures.
pub const HEAD: [&str; 6] = [
    "instructions",
    "doorbells",
    "interrupts",
    "first reply",
    "resident",
    "image",
];

fn known<T>(value: Option<T>, words: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), words)
}

#[cfg(test)]
mod tests {
    use crate::record::fixtures;

    #[test]
    fn an_unknown_cost_is_null_and_a_dash() {
        let json = serde_json::to_value(fixtures::null_cost()).unwrap();
        assert_eq!(json.as_object().unwrap().len(), 11);
        assert!(json["instructions_per_echo"].is_null());
        assert!(fixtures::null_cost().is_empty() && !fixtures::hermit_cost().is_empty());
        assert_eq!(fixtures::null_cost().cells(), ["-"; 6]);
    }
}
