//! Noise of the host around one run: gaps of a spinning thread, steal, waits for the CPU.
//!
//! Counts that the kernel does not tell are absent, never zero.

use serde::{Deserialize, Serialize};

use crate::host::gaps::GapSummary;
use crate::host::thread::CpuUse;

/// Account of the time in which a thread wanted to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ThreadNoise {
    /// Time that it ran, in nanoseconds.
    pub ran_ns: u64,
    /// Time that it waited for a CPU, in nanoseconds. A thread that sleeps waits a little each time it wakes
    /// up.
    pub waited_ns: u64,
    /// Number of times that it got a CPU.
    pub slices: u64,
    /// Number of times that it was put off its CPU while it wanted to run.
    pub involuntary_switches: u64,
    /// Number of times that it was moved to another CPU; null if the kernel does not tell.
    pub migrations: Option<u64>,
    /// The CPU that it was on when the run began; null if the kernel does not tell.
    pub cpu: Option<u32>,
    /// Time that the hypervisor gave of that CPU to others, in clock ticks.
    pub steal_ticks: Option<u64>,
    /// The same as a share of that CPU's time.
    pub steal_share: Option<f64>,
}

/// Fewer clock ticks of steal than this say nothing: each is right to one tick.
const LEAST_STEAL_TICKS: u64 = 10;

/// A smaller share of steal is told, and held against nobody.
const LEAST_STEAL_SHARE: f64 = 0.02;

impl ThreadNoise {
    /// Returns the steal in clock ticks and as a share, if it is enough to be held against a result.
    #[must_use]
    pub fn judged_steal(&self) -> Option<(u64, f64)> {
        let steal = self.steal_ticks.zip(self.steal_share);
        steal.filter(|&(ticks, share)| ticks >= LEAST_STEAL_TICKS && share >= LEAST_STEAL_SHARE)
    }
}

/// The host's noise around one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Noise {
    /// For how long a thread spun before the run to see the noise floor, in nanoseconds.
    pub floor_observed_ns: u64,
    /// The longest gap that it saw, in nanoseconds.
    pub floor_max_gap_ns: u64,
    /// All its gaps over a microsecond together, in nanoseconds.
    pub floor_total_gap_ns: u64,
    /// The same as a share of the time it spun.
    pub floor_share: f64,
    /// Number of times that the measuring thread was put off the CPU during the run.
    pub involuntary_switches: Option<u64>,
    /// The share of all CPU time during the run that the hypervisor gave to others.
    pub steal_share: Option<f64>,
    /// Time that the measuring thread saw itself lose during the run, in gaps over a microsecond; absent on
    /// a link where it sleeps instead of polling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<GapSummary>,
    /// Gaps over a microsecond that a spinning thread saw right after the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<GapSummary>,
    /// For how long QEMU's threads ran but the virtual CPU's while the thread spun before the run, in
    /// nanoseconds, where they share the one CPU of that thread: what they take is the target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_floor_ns: Option<u64>,
    /// The same during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_beside_ns: Option<u64>,
    /// Number of times that those threads got the CPU during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_beside_slices: Option<u64>,
    /// For how long the measuring thread wanted to run and waited for the CPU during the run, in
    /// nanoseconds. A thread that sleeps waits a little each time it wakes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ns: Option<u64>,
    /// The same as a share of the time in which it wanted to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_share: Option<f64>,
    /// The part of `waited_ns` in which others ran than the target's own threads, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign_ns: Option<u64>,
    /// The measuring thread during the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measuring: Option<ThreadNoise>,
    /// The thread that answers during the run: the virtual CPU's, the responder's, the reflector's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answering: Option<ThreadNoise>,
    /// The thread that carries messages between both during the run, QEMU's main loop; absent where there
    /// is none, or where it is not in a request's way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrying: Option<ThreadNoise>,
    /// For how long the run was put off until the host was quiet, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_for_quiet_ns: Option<u64>,
    /// True if the host was quiet when the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was_quiet: Option<bool>,
}

impl Noise {
    /// Adds what the target's own threads did during the run on the measuring thread's CPU.
    #[must_use]
    pub fn with_own(self, own: Option<CpuUse>) -> Self {
        let own_ns = own.map(|own| own.ran_ns);
        let foreign_ns = |waited_ns: u64| waited_ns.saturating_sub(own_ns.unwrap_or(0));
        Self {
            own_beside_ns: own_ns,
            own_beside_slices: own.map(|own| own.slices),
            foreign_ns: self.waited_ns.map(foreign_ns),
            ..self
        }
    }
}

#[cfg(test)]
mod tests;
