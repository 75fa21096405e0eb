//! What it takes to start a service, from its start to its first reply.

use std::time::Duration;

use wire::HEADER_LEN;

use crate::cli::interrupt::Interrupt;
use crate::experiment::cost::EchoClient;
use crate::link::Link;
use crate::record::Run;

/// How long a service that is ready may take to answer its first request.
const FIRST_REPLY_TIMEOUT: Duration = Duration::from_secs(5);

/// What starting it took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Footprint {
    /// From its start to its first reply, in nanoseconds.
    pub first_reply_ns: Option<u64>,
    pub image_bytes: Option<u64>,
    pub memory_bytes: Option<u64>,
}

/// Whether a service that has just started is asked something before it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstRequest {
    /// One request, to see how long the service took from its start to the reply.
    Asked,
    /// The first request is the measurement's.
    Measured,
}

impl Footprint {
    /// Enters it in a record. The first request was warm-up, once.
    pub(super) fn tell(&mut self, run: &mut Run) {
        run.first_reply_ms = self.first_reply_ns.take().map(|ns| ns as f64 / 1e6);
        run.warmup_discarded += u64::from(run.first_reply_ms.is_some());
        run.image_bytes = self.image_bytes;
        run.memory_bytes = self.memory_bytes;
    }
}

impl FirstRequest {
    /// From `started_at_ns` to the reply to the first request, if one is asked for and comes.
    pub(super) fn reply_ns(
        self,
        link: &mut dyn Link,
        started_at_ns: u64,
        interrupt: &Interrupt,
    ) -> Option<u64> {
        if self == Self::Measured {
            return None;
        }
        let cancelled = || interrupt.is_set();
        let mut client = EchoClient::new(link, HEADER_LEN, FIRST_REPLY_TIMEOUT, &cancelled);
        client.send().ok()?;
        let reply = client.recv().ok()?;
        Some(reply.at_ns.saturating_sub(started_at_ns))
    }
}
