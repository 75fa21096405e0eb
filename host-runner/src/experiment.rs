//! Experiments: measurements that are carried out by plain specifications.
//!
//! - [`RunSpec`]: the specification of one measurement or of a sweep; [`prepared_run`] carries it out;
//! - [`abort`]: the end of a measurement that an objective is certain to be missed by;
//! - [`boot_directory`]: files for one boot alone;
//! - [`exclusive`]: the host for one measurement alone;
//! - [`system_under_test`]: a system that was started to be measured;
//! - [`measure`], [`measured`]: one measurement and its result;
//! - [`sweep`]: one measurement or those of a sweep, up to the verdict;
//! - [`floor`], [`generator`]: the limits of the instrument itself, by which results are read;
//! - [`compare`]: a comparison of several systems;
//! - [`cost`]: instructions, doorbells and interrupts per echo;
//! - [`probe`]: a service that is already running;
//! - [`serve`]: a guest that is kept up;
//! - [`Caller`], [`progress`], [`Interrupt`]: the caller, which receives progress and can end an experiment;
//! - [`Results`]: the destination of what one measures;
//! - [`ExperimentError`]: the reason why one failed.
#![forbid(unsafe_code)]

pub mod abort;
pub mod boot_directory;
mod caller;
pub mod compare;
pub mod cost;
mod error;
pub mod exclusive;
pub mod floor;
pub mod generator;
mod interrupt;
pub mod measure;
pub mod measured;
mod placing;
mod planned_groups;
pub mod prepared_run;
pub mod probe;
pub mod progress;
mod reference;
mod restart;
mod results;
mod run_spec;
pub mod serve;
pub mod sweep;
pub mod system_under_test;

pub use caller::Caller;
pub use error::{ExperimentError, check_valid, with_causes};
pub use interrupt::Interrupt;
#[cfg(test)]
pub use results::InDirectory;
pub use results::{NothingMeasured, Results, keep_image};
pub use run_spec::{HostSpec, RunSpec, Validity, service_of};
