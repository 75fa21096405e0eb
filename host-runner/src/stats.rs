//! Distributions of the measured times, and the judgement of how far they can be trusted.
//!
//! - [`percentile_rule`]: the percentiles that a number of samples supports;
//! - [`summary`]: a distribution in a few numbers;
//! - [`requested`]: percentiles beside those;
//! - [`intervals`]: the same latency, second by second;
//! - [`tag`]: what else has a distribution;
//! - [`recorder`]: puts every sample of a measurement where it belongs;
//! - [`relay`]: the way of what was recorded to a reader, while the measurement goes on; [`snapshot`]: a run so far;
//! - [`run_check`]: a check of a run so far;
//! - [`continuous`]: recorder of a measurement without an end; [`outcomes`]: its counts; [`running_totals`]: sums of all
//!   that it has measured; [`recent_validity`]: how far its last minute can be trusted;
//! - [`distribution`]: a repetition's latency in little memory, and several merged;
//! - [`comparison`]: verdicts on two targets, by boots of both;
//! - [`change_points`]: places from which on a series of results is another;
//! - [`median`](mod@median): the middle of a few values;
//! - [`settling`]: whether warm-up is over;
//! - [`guest_clock`]: the rate of the guest's clock against the host's;
//! - [`one_way`]: delays between two clocks;
//! - [`interference`]: how many requests the host can have hit;
//! - [`stall`]: requests in a row that took exceptionally long;
//! - [`state`]: who or what decided a percentile's value; [`reason`]: codes with their numbers;
//! - [`validity`]: whether the result means what it says;
//! - [`windows`]: the latency of the last seconds, for those who watch.
//!
//! Nothing is trimmed, no percentile is averaged, no round trip halved.
#![forbid(unsafe_code)]

mod censored;
pub mod change_points;
pub mod comparison;
pub mod continuous;
pub mod distribution;
pub mod guest_clock;
pub mod interference;
pub mod intervals;
pub mod median;
pub mod one_way;
pub mod outcomes;
pub mod percentile_rule;
pub mod reason;
pub mod recent_validity;
pub mod recorder;
pub mod relay;
pub mod requested;
pub mod run_check;
pub mod running_totals;
pub mod settling;
pub mod snapshot;
pub mod stall;
pub mod state;
pub mod summary;
pub mod tag;
pub mod validity;
mod waits;
pub mod windows;

pub use distribution::Distribution;
pub use guest_clock::GuestClock;
pub use one_way::OneWayDelays;
pub use reason::Reason;
pub use recorder::RunRecorder;
pub use requested::Requested;
pub use settling::WarmUpEnd;
pub use stall::Stall;
pub use state::{PercentileState, State};
pub use summary::Summary;
pub use tag::Tag;
pub use validity::{Ended, Judgement, Needs, Policy};
