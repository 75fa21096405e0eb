//! Live view of a measurement: latency of the last second, of the last ten and of the whole run while it goes on.
//!
//! - [`display`]: the choice between a full-screen view, lines, and the progress line;
//! - [`view_thread`]: the thread that draws, on CPUs that the measurement does not need;
//!   [`watched_stage`]: the way to it;
//! - [`live_monitor`], [`progress_monitor`]: receivers of an experiment's progress, with a view and without;
//! - [`live_run`]: what has come of the measurement so far; [`standing`]: its judgement;
//!   [`objectives_so_far`]: objectives that it is held against;
//! - [`live_snapshot`], [`heat_map`]: its state at one moment, as plain data;
//! - [`full_view`], [`live_lines`]: what a terminal shows of that.
//!
//! With a view, the measuring thread hands over what it has measured once a second ([`crate::stats::snapshot`]) and draws nothing.
#![forbid(unsafe_code)]

pub mod display;
pub mod full_view;
pub mod heat_map;
pub mod live_lines;
pub mod live_monitor;
pub mod live_run;
pub mod live_snapshot;
pub mod objectives_so_far;
pub mod progress_monitor;
#[cfg(test)]
mod sample;
pub mod standing;
pub mod view_thread;
pub mod watched_stage;

pub use display::{Display, LiveChoice, Surroundings};
pub use live_monitor::LiveMonitor;
pub use live_run::LiveRun;
pub use live_snapshot::LiveStage;
pub use view_thread::{Shared, ViewThread};
