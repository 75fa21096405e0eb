//! Messages for people on standard error, line by line; see [`crate::terminal`].

pub use crate::terminal::{eprint as say_as_is, say};
