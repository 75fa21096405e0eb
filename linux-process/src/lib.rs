//! Requests of a Linux process to the kernel about its threads and children, the same for `fathom` and the service on Linux.
//!
//! - [`network`]: a network namespace for a child (network_namespaces(7));
//! - [`privileges`]: capabilities, users, and the right to gain any (capabilities(7), credentials(7));
//! - [`realtime`]: the state of the date (adjtimex(2));
//! - [`scheduling`]: scheduling policies (sched(7));
//! - [`screen`]: the terminal's settings, put back however the process ends (termios(3)).
//!
//! Unsafe only in `network`, `realtime`, `scheduling` and `screen`.
#![deny(unsafe_code)]

pub mod network;
pub mod privileges;
pub mod realtime;
pub mod scheduling;
pub mod screen;
