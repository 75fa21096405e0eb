//! The quantities of a run that have a distribution beside its latency, by the tags of their entries in its
//! interval log.

/// A quantity beside the latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    /// From the actual send to the reply, of all requests of an open loop.
    RoundTrip,
    /// The time in the service's handler.
    Service,
    /// The rest of the round trip.
    Path,
    /// From when a request of an open loop was due to when it was sent.
    Lateness,
    /// Latencies that a client that waits for each reply would have recorded of an open loop.
    WaitingClient,
    /// Scheduling gaps of the measuring thread.
    Gaps,
}

impl Tag {
    /// All of them, in the order of the log.
    pub const ALL: [Self; 6] = [
        Self::RoundTrip,
        Self::Service,
        Self::Path,
        Self::Lateness,
        Self::WaitingClient,
        Self::Gaps,
    ];

    /// Returns the tag as the log has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round_trip",
            Self::Service => "service",
            Self::Path => "path",
            Self::Lateness => "lateness",
            Self::WaitingClient => "waiting_client",
            Self::Gaps => "gaps",
        }
    }

    /// Returns the tag that a log calls `name`; `None` for those of other versions.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tag| tag.name() == name)
    }
}
