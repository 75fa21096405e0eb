//! What is said of a boot argument that cannot be used.

use core::fmt;

/// A boot argument that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgError<'a> {
    /// The whole argument, as it came.
    pub argument: &'a str,
    /// What is wrong with it, and what is expected instead.
    pub problem: Problem,
}

/// What is wrong with a boot argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is no such argument.
    Unknown,
    /// It was given before.
    Duplicate,
    /// Its value cannot be read; what can.
    Malformed(&'static str),
    /// Its value can be read, but not be used; why.
    Unusable(&'static str),
}

impl fmt::Display for ArgError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            Problem::Unknown => write!(
                f,
                "unknown boot argument \"{}\": expected ip=, gw=, ip6=, port=, path=, idle=, quiet=, \
                 nap=, tsc_khz= or log=",
                self.argument
            ),
            Problem::Duplicate => write!(
                f,
                "boot argument \"{}\" was given before: give it once",
                self.argument
            ),
            Problem::Malformed(expected) => write!(
                f,
                "malformed boot argument \"{}\": expected {expected}",
                self.argument
            ),
            Problem::Unusable(why) => {
                write!(f, "unusable boot argument \"{}\": {why}", self.argument)
            }
        }
    }
}

impl core::error::Error for ArgError<'_> {}
