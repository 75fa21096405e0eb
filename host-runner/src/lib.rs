//! The `fathom` instrument: boots the service in QEMU, measures its round-trip tail latency, and
//! says how far each number can be trusted.
//!
//! Layers, each of which knows only those below it:
//!
//! - [`cli`]: the command line and the commands behind it;
//! - [`report`]: results for people, as text, HTML and Markdown;
//! - [`exporter`]: sums of a continuous measurement as metrics over HTTP;
//! - [`live`]: a measurement while it goes on, for people;
//! - [`experiment`]: measurements by plain specifications, and the cost of an echo;
//! - [`judge`]: judgements of results that exist;
//! - [`record`]: the results themselves, as `result.json` and HdrHistogram files;
//! - [`stats`]: the percentile rule, validity, comparison, change points;
//! - [`load`]: schedules, sequence accounting, the measuring loop;
//! - [`image`]: disk images and packages of the unikernel;
//! - [`sut`]: the systems under test, and what each boots or starts;
//! - [`link`]: how datagrams reach the guest;
//! - [`machine`]: the QEMU process, from command line to shutdown;
//! - [`host`]: this host: its CPUs and other processes, what they do to a measurement, and what can be done about it;
//! - [`histogram`]: samples of one quantity, counted;
//! - [`files`], [`terminal`]: the only ways to files of others and to the terminal;
//! - [`clock`]: the one clock that every host-side time is read from;
//! - [`tsc`]: how fast the counter runs that a guest has for a clock;
//! - [`digest`]: SHA-256 digests in hexadecimal digits;
//! - [`quantity`]: numbers as people read them;
//! - [`random`]: numbers without a pattern.
#![cfg_attr(
    not(test),
    deny(
        clippy::print_stderr,
        clippy::print_stdout,
        reason = "they panic once nobody reads: use terminal::say and terminal::print"
    )
)]
#![warn(clippy::print_stdout, clippy::print_stderr)]
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        reason = "tests lay files out as others would"
    )
)]

pub mod cli;
pub mod clock;
pub mod digest;
#[cfg(test)]
mod documentation;
pub mod experiment;
pub mod exporter;
pub mod files;
pub mod histogram;
pub mod host;
pub mod image;
pub mod judge;
pub mod link;
pub mod live;
pub mod load;
pub mod machine;
pub mod quantity;
pub mod random;
pub mod record;
pub mod report;
#[cfg(test)]
mod source_tree;
pub mod stats;
pub mod sut;
pub mod terminal;
pub mod tsc;
