//! Faults on a link of Ethernet frames: loss, duplicates, reordering, delay and damage, in the words of tc-netem(8).
//!
//! A [`FaultInjector`] wraps any [`Frames`](super::ethernet::Frames). It injects into frames that carry datagrams of
//! the service, requests and their answers; others, such as address resolution, pass as they are. The faults of a
//! frame are a function of the seed, the direction and the frame's number in that direction: the same seed gives
//! the same faults, at whatever time the frames come.
//!
//! - [`parameters`]: the rates of each direction and the seed;
//! - `notation`: the same as text;
//! - [`fate`]: the faults of one frame;
//! - `held`: frames that are held back;
//! - `datagram_number`: the request that a frame carries, or answers;
//! - [`fault_account`]: counts by direction, and the outcome of each request;
//! - [`injector`]: the wrapper.
#![forbid(unsafe_code)]

mod datagram_number;
pub mod fate;
pub mod fault_account;
mod held;
pub mod injector;
mod notation;
pub mod parameters;

pub use fault_account::{DirectionCounts, InjectedFaults, RequestOutcomes};
pub use injector::FaultInjector;
pub use parameters::{Delay, FaultParameters, Rates, Reorder, Share};
