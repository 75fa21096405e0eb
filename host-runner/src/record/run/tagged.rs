//! The quantities of a run beside its latency, by their tags.

use super::Run;
use crate::stats::{Summary, Tag};

impl Run {
    /// Returns the summary of `tag`; `None` where the run has none.
    #[must_use]
    pub const fn tagged(&self, tag: Tag) -> Option<&Summary> {
        match tag {
            Tag::RoundTrip => self.round_trip_ns.as_ref(),
            Tag::Service => self.service_ns.as_ref(),
            Tag::Path => self.path_ns.as_ref(),
            Tag::Lateness => self.send_lateness_ns.as_ref(),
            Tag::WaitingClient => self.uncorrected_latency_ns.as_ref(),
            Tag::Gaps => self.gaps_ns.as_ref(),
        }
    }

    /// The same, to be changed.
    pub const fn tagged_mut(&mut self, tag: Tag) -> Option<&mut Summary> {
        match tag {
            Tag::RoundTrip => self.round_trip_ns.as_mut(),
            Tag::Service => self.service_ns.as_mut(),
            Tag::Path => self.path_ns.as_mut(),
            Tag::Lateness => self.send_lateness_ns.as_mut(),
            Tag::WaitingClient => self.uncorrected_latency_ns.as_mut(),
            Tag::Gaps => self.gaps_ns.as_mut(),
        }
    }

    /// Sets the summary of `tag`.
    pub fn set_tagged(&mut self, tag: Tag, summary: Option<Summary>) {
        let field = match tag {
            Tag::RoundTrip => &mut self.round_trip_ns,
            Tag::Service => &mut self.service_ns,
            Tag::Path => &mut self.path_ns,
            Tag::Lateness => &mut self.send_lateness_ns,
            Tag::WaitingClient => &mut self.uncorrected_latency_ns,
            Tag::Gaps => &mut self.gaps_ns,
        };
        *field = summary;
    }
}
