//! Protocols in which a service answers a request.

use clap::ValueEnum;
use wire::HEADER_LEN;
use wire::stamp::packet::{AUTHENTICATED_LEN, UNAUTHENTICATED_LEN};

/// The protocol that the service speaks. Docs of variants are `--help` text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Fathom's own, in which the reply carries the service's times
    #[default]
    Fathom,
    /// STAMP (RFC 8762): the reply carries the reflector's times
    Stamp,
    /// TWAMP-Light (RFC 5357, appendix I): STAMP's packets, with plain padding
    TwampLight,
    /// Any UDP echo (RFC 862): round trips only
    Echo,
}

impl Protocol {
    /// The name that `--protocol` takes and results carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fathom => "fathom",
            Self::Stamp => "stamp",
            Self::TwampLight => "twamp-light",
            Self::Echo => "echo",
        }
    }

    /// Returns whether a reply says when the service had the request, and when it sent the reply.
    #[must_use]
    pub const fn has_service_times(self) -> bool {
        !matches!(self, Self::Echo)
    }

    /// Returns whether the service's times may have a date, and say how good it is.
    #[must_use]
    pub const fn has_dates(self) -> bool {
        matches!(self, Self::Stamp | Self::TwampLight)
    }

    /// Returns whether a reply says which boot of the service it is from.
    #[must_use]
    pub const fn has_boot_id(self) -> bool {
        matches!(self, Self::Fathom)
    }

    /// Returns the length of the shortest request, in bytes; `has_key` says that there is a key for it.
    #[must_use]
    pub const fn payload_min(self, has_key: bool) -> usize {
        match self {
            Self::Fathom | Self::Echo => HEADER_LEN,
            Self::Stamp if has_key => AUTHENTICATED_LEN,
            Self::Stamp | Self::TwampLight => UNAUTHENTICATED_LEN,
        }
    }
}
