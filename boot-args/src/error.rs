//! Errors of boot arguments, in words for a console.

use core::fmt;

use wire::configuration::ARGUMENTS;

use super::Channel;

/// A boot argument that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgError<'a> {
    /// The whole argument, as it came.
    pub argument: &'a str,
    /// By which way it came.
    pub channel: Channel,
    /// Fault of it, with what is expected instead.
    pub problem: Problem,
}

/// Fault of a boot argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No argument has this name.
    Unknown,
    /// Given before.
    Duplicate,
    /// Value cannot be read; what can.
    Malformed(&'static str),
    /// Value can be read, but not be used; why.
    Unusable(&'static str),
}

impl fmt::Display for ArgError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let argument = self.argument;
        let before = match self.problem {
            Problem::Unknown => "unknown ",
            Problem::Malformed(_) => "malformed ",
            Problem::Unusable(_) => "unusable ",
            Problem::Duplicate => "",
        };
        write!(f, "{before}boot argument \"{argument}\"")?;
        f.write_str(match self.channel {
            Channel::CommandLine => "",
            Channel::Smbios => " of SMBIOS type 11",
            Channel::File => " of the configuration file",
            Channel::Dhcp => " of the DHCP server's option 224",
        })?;
        match self.problem {
            Problem::Unknown => {
                f.write_str(": expected ")?;
                for (index, name) in ARGUMENTS.iter().enumerate() {
                    let separator = match index {
                        0 => "",
                        _ if index + 1 == ARGUMENTS.len() => " or ",
                        _ => ", ",
                    };
                    write!(f, "{separator}{name}=")?;
                }
                Ok(())
            }
            Problem::Duplicate => f.write_str(" was given before: give it once"),
            Problem::Malformed(expected) => write!(f, ": expected {expected}"),
            Problem::Unusable(why) => write!(f, ": {why}"),
        }
    }
}

impl core::error::Error for ArgError<'_> {}
