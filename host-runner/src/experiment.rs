//! Experiments: measurements that are carried out by plain specifications.
//!
//! - [`cost`]: instructions, doorbells and interrupts per echo.
#![forbid(unsafe_code)]

pub mod cost;
