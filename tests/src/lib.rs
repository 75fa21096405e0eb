//! Parts that the end-to-end tests in `tests/tests` share.
//!
//! - [`browser`]: a page in headless Chromium, and what is wrong with it;
//! - [`hostile_text`]: what spoilt input may do, and what not;
//! - [`artifacts`]: where the built `fathom` and the built image are;
//! - [`network`]: who has which network namespace and tap device;
//! - [`qemu_lock`]: one QEMU at a time;
//! - [`timeouts`]: how long anything may take before a test gives up;
//! - [`guest`]: the image in a QEMU that the test itself starts, on its own command line;
//! - [`mid_run`]: a measurement under way, with a hand on its QEMU;
//! - [`monitor`]: that QEMU's monitor;
//! - [`udp_client`]: a client of a service on an ordinary socket;
//! - [`small_disk`]: a file system that is soon full;
//! - [`soak`]: how often a test repeats what fails seldom;
//! - [`terminal`]: the built `fathom` on a terminal of its own;
//! - [`station`]: a host beside the guest, on a link of Ethernet frames;
//! - [`noise`]: reproducible noise;
//! - [`packet`]: frames put together, and taken apart with every length and checksum checked;
//! - [`disk`]: the disk image in such a QEMU, under a firmware;
//! - [`dhcp`]: a DHCP server for one client;
//! - [`fathom`]: the built `fathom` command, run to its end or interrupted;
//! - [`rate`]: how fast a guest's clock runs, by exchanges with it;
//! - [`results`]: what it leaves behind;
//! - [`objectives`]: calls with objectives, and what came of them;
//! - [`interval_log`]: its logs of intervals, read by another reader;
//! - [`process`]: children that cannot outlive the test;
//! - [`icount`]: a guest whose nanoseconds are instructions;
//! - [`instructions`]: how many of them an answer takes;
//! - [`notifications`]: how often guest and device wake each other for it;
//! - [`overloaded`]: a guest at this host's speed, with more load than it can carry.
//!
//! Deliberately shares no code with `host-runner`, and not smoltcp either, which the image speaks
//! the network with: frames are etherparse's, so that an error in one is not excused by the same
//! error in the other. Only `wire`, the documented protocol, is common. The exceptions are
//! [`icount`], [`notifications`] and [`overloaded`]: what they count is counted on the instrument's own links. And a test that needs a network
//! namespace with a tap device has the instrument make them.

pub mod artifacts;
pub mod boot;
pub mod browser;
pub mod dhcp;
pub mod disk;
pub mod fathom;
pub mod guest;
pub mod hostile_text;
pub mod icount;
pub mod instructions;
pub mod interval_log;
pub mod kernel;
pub mod mid_run;
pub mod monitor;
pub mod network;
pub mod noise;
pub mod notifications;
pub mod objectives;
pub mod overloaded;
pub mod packet;
pub mod process;
pub mod qemu_lock;
pub mod rate;
pub mod results;
pub mod small_disk;
pub mod soak;
pub mod station;
pub mod terminal;
pub mod timeouts;
pub mod udp_client;
