//! The log: records wait in memory and leave it, within a budget, while nothing else does.
//!
//! - [`RecordRing`]: the records that wait, in 4 KiB;
//! - [`LogSettings`]: level and budget, which the boot arguments set and requests change ([`wire::log_control`]);
//! - [`Outlet`]: decides how much may leave at a time.
//!
//! Formatting a record and sending a character of it to a console, which leaves the virtual machine, both take longer than
//! answering a request. The code that logs is therefore none that a request passes through, and the poll loop sends
//! characters, one by one, only while the network device has no frame for it.
//!
//! Knows of no console. No unsafe code.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use log::LevelFilter;
use wire::Counter;
use wire::limits::Throttle;
use wire::log_control::{self, Budget, Change, Level, Settings};

mod record_ring;

pub use record_ring::RecordRing;

/// Records that were left out since the boot ([`RecordRing`]).
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Returns the number of records that were left out since the boot.
pub fn left_out() -> u64 {
    LEFT_OUT.load(Relaxed)
}

/// Sets that number.
pub fn count_left_out(records: u64) {
    LEFT_OUT.store(records, Relaxed);
}

/// Time after a log request with a wrong boot id in which none is looked at, in nanoseconds, so that the id is not found by
/// trying: half of its values take seven years.
const GUESS_NS: u64 = 100_000_000;

/// The settings of the log: written by who answers requests for others, read by who logs.
#[derive(Debug)]
pub struct LogSettings {
    level: AtomicU8,
    budget: AtomicU32,
    /// Time from which on requests are looked at.
    open_ns: AtomicU64,
}

impl LogSettings {
    /// Creates settings: nothing is logged.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            level: AtomicU8::new(Level::Off.as_byte()),
            budget: AtomicU32::new(Budget::DEFAULT.bytes_per_second()),
            open_ns: AtomicU64::new(0),
        }
    }

    /// Replaces both.
    pub fn set(&self, level: LevelFilter, budget: Budget) {
        self.level.store(level as u8, Relaxed);
        self.budget.store(budget.bytes_per_second(), Relaxed);
    }

    /// Makes a log request that arrived at `received_ns` its answer and changes the settings, if it is for the boot called
    /// `boot_id`. Returns the counter that counts it: [`Counter::LogReplies`] if it is answered.
    #[inline(never)]
    pub fn answer(
        &self,
        payload: &mut [u8],
        boot_id: u32,
        received_ns: u64,
        transmit_ns: &dyn Fn() -> u64,
    ) -> Counter {
        let Some(request) = payload.first_chunk_mut() else {
            return Counter::DroppedShort;
        };
        let Some(change) = Change::requested(request) else {
            return Counter::DroppedNotARequest;
        };
        if received_ns < self.open_ns.load(Relaxed) {
            return Counter::LogForged;
        }
        if log_control::boot_id(request) != boot_id {
            self.open_ns.store(received_ns + GUESS_NS, Relaxed);
            return Counter::LogForged;
        }
        self.change(change);
        log_control::answer(request, self.get(), received_ns, transmit_ns);
        Counter::LogReplies
    }

    /// Replaces those that `change` has.
    pub fn change(&self, change: Change) {
        if let Some(level) = change.level {
            self.level.store(level.as_byte(), Relaxed);
        }
        if let Some(budget) = change.budget {
            self.budget.store(budget.bytes_per_second(), Relaxed);
        }
    }

    /// Returns both.
    pub fn get(&self) -> Settings {
        Settings {
            level: Level::from_byte(self.level.load(Relaxed)).unwrap_or(Level::Off),
            budget: self.budget(),
        }
    }

    /// Returns the level.
    pub fn level(&self) -> LevelFilter {
        match self.get().level {
            Level::Off => LevelFilter::Off,
            Level::Error => LevelFilter::Error,
            Level::Warn => LevelFilter::Warn,
            Level::Info => LevelFilter::Info,
            Level::Debug => LevelFilter::Debug,
            Level::Trace => LevelFilter::Trace,
        }
    }

    fn budget(&self) -> Budget {
        Budget::new(self.budget.load(Relaxed)).unwrap_or(Budget::DEFAULT)
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self::new()
    }
}

/// A console that takes characters without waiting.
pub trait Port {
    /// Returns the number of characters that there is room for now.
    fn room(&mut self) -> u32;

    /// Sends a character that there is room for.
    fn put(&mut self, character: u8);
}

/// The way of the records out of the ring.
#[derive(Debug)]
pub struct Outlet {
    budget: Budget,
    throttle: Throttle,
}

impl Outlet {
    /// Creates an outlet with a full bucket.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            budget: Budget::DEFAULT,
            throttle: Throttle::new(Budget::DEFAULT.rate()),
        }
    }

    /// Sends what of `ring` may leave at `now_ns` within the budget of `settings`, as far as `port` has room for it, and
    /// while `nothing_waits`. To find a port without room counts as a character, for it takes as long.
    pub fn run(
        &mut self,
        ring: &mut RecordRing,
        settings: &LogSettings,
        now_ns: u64,
        nothing_waits: &dyn Fn() -> bool,
        port: &mut impl Port,
    ) {
        let budget = settings.budget();
        if budget != self.budget {
            self.budget = budget;
            self.throttle = Throttle::new(budget.rate());
        }
        let mut room = None;
        while room != Some(0) && nothing_waits() && self.throttle.admit(now_ns) {
            let left = room.unwrap_or_else(|| port.room());
            let character = ring.waiting().first().copied();
            let (Some(character), 1..) = (character, left) else {
                return;
            };
            port.put(character);
            ring.remove(1);
            room = Some(left - 1);
        }
    }
}

impl Default for Outlet {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
