//! Everything that another processor architecture would replace.
//!
//! Each architecture is a module of its own; the rest of the crate names none of them but by what is
//! re-exported here.

pub mod x86_64;

#[cfg(target_os = "none")]
pub use self::x86_64::channels::channels;
pub use self::x86_64::ending;
pub use self::x86_64::frequency;
pub use self::x86_64::random;
#[cfg(target_os = "none")]
pub use self::x86_64::{Console, boot_tsc, entry_tsc, tsc_frequency};
