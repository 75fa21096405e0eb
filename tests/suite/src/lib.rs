//! Tests that need something that not every host has, and what becomes of them where it is missing.
//!
//! - [`Capability`]: what a host may lack;
//! - [`skip`]: ends up in the list at the end of `make test`, or fails the test if `FATHOM_REQUIRE`
//!   names what is missing.
//!
//! Unit tests and end-to-end tests of any crate use it as a dev-dependency. Deliberately depends on
//! none of the project's crates.
#![forbid(unsafe_code)]

mod capability;
mod skip;

pub use capability::{Capability, REQUIRE, Required, UnknownCapability};
pub use skip::{SKIPPED, skip};
