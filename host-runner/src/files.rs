//! The only way from this program to files that others may have made, or may change meanwhile.
//!
//! Writing:
//!
//! - [`Directory`]: a directory that is held open. [`Directory::replace`] writes a file whole or not at
//!   all, under a name that nobody can guess, and renames it over what stood there: a link, a FIFO
//!   or a device of that name is replaced and never followed or written to. Results go this way.
//!   [`Unfinished`]: such a file while it is written, so that several can get their names together.
//! - [`Destination`]: a file that is written as its content comes, such as a console log or a capture;
//!   made anew by [`Destination::create`].
//! - [`NamedFile`]: what the user named with `--json FILE`. Alone it may be a link, a FIFO or a device,
//!   such as `/dev/stdout`.
//! - [`append`]: a file that others write to as well.
//! - [`BoundedLog`]: a log that stops growing.
//! - [`scratch`]: a directory that nobody else can look into.
//!
//! Reading:
//!
//! - [`read`] and [`Directory::read`]: a regular file of no more than so many bytes; [`open`]: one of any
//!   length. `/proc` and `/sys` are the kernel's, and are read without.
//!
//! A default path in the working directory is taken only if it [`is_trusted`]. `clippy.toml` forbids the
//! standard library's own ways to make and write files everywhere else.
#![forbid(unsafe_code)]

mod appended;
mod bounded;
mod destination;
mod directory;
#[cfg(test)]
pub(crate) mod directory_names;
mod input;
mod named;
mod scratch;

pub use appended::append;
pub use bounded::BoundedLog;
pub use destination::Destination;
pub use directory::{Directory, Unfinished};
pub use input::{is_trusted, open, read};
pub use named::NamedFile;
pub use scratch::{Scratch, scratch};
