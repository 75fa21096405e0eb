//! Protocols in which a service answers a request.

use clap::ValueEnum;

/// The protocol that the service speaks. A request is the same in each. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Fathom's own, in which the reply carries the service's times
    #[default]
    Fathom,
    /// Any UDP echo (RFC 862): round trips only
    Echo,
}

impl Protocol {
    /// The name that `--protocol` takes and results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fathom => "fathom",
            Self::Echo => "echo",
        }
    }

    /// Returns whether a reply says when the service had the request, and when it sent the reply.
    #[must_use]
    pub const fn has_service_times(self) -> bool {
        matches!(self, Self::Fathom)
    }
}
