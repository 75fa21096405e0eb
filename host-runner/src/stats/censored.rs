//! Latencies that are lower bounds.
#![forbid(unsafe_code)]

/// Latencies of requests that were not answered: the true value is at least the recorded one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Censored {
    /// Number of them.
    pub count: u64,
    /// The least of them, in nanoseconds: what lies below is exact.
    pub from_ns: Option<u64>,
}

impl Censored {
    pub(super) fn record(&mut self, latency_ns: u64) {
        self.add(Self {
            count: 1,
            from_ns: Some(latency_ns),
        });
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        let both = self.from_ns.into_iter().chain(other.from_ns);
        self.from_ns = both.min();
    }
}
