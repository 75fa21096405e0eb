//! Facts about the service that are read beside a measurement.

use wire::Counters;

use crate::link::Signals;
use crate::record::BeforeAfter;

/// Facts about the service and the link that are read before, beside and after a measurement; `None` where there
/// is nothing to be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Readings {
    /// Number of requests before the measurement and its warm-up.
    pub first_requests: u64,
    /// From QEMU's start, or the responder's, to the reply to a first request, in nanoseconds.
    pub first_reply_ns: Option<u64>,
    /// The resident memory of QEMU or of the responder right after the measurement, in bytes.
    pub resident_bytes: Option<u64>,
    /// Numbers of times that guest and instrument woke each other, warm-up included.
    pub signals: Option<Signals>,
    /// The floors.
    pub floors: Option<FloorReadings>,
    /// The service's counters.
    pub counters: CounterReadings,
}

/// Round trips of links on shared memory, before and after a measurement.
#[derive(Clone, Copy, Debug)]
pub struct FloorReadings {
    /// The round trip of one cache line between the measuring core and the guest's, in nanoseconds.
    pub core_round_trip_ns: BeforeAfter,
    /// The median round trip to a thread that answers on the same link in the guest's place, in nanoseconds.
    pub reflector_round_trip_ns: BeforeAfter,
}

/// The service's counters, as far as they could be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct CounterReadings {
    /// Before the first request.
    pub before: Option<Counters>,
    /// After the last; `None` also after a failure.
    pub after: Option<Counters>,
}
