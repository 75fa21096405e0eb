//! The control of a service's log: its level, and the rate at which records leave the service.
//!
//! A log request is a [`Header`](crate::Header) of kind [`Kind::LogRequest`] with the boot id of the service that it is
//! for, and behind it, as in the answer, every integer little-endian and of fixed width (`postcard::fixint::le`):
//!
//! | bytes  | field    | in a request | in the answer |
//! |--------|----------|---|---|
//! | 44     | `level`  | 0 off, 1 error, 2 warn, 3 info, 4 debug, 5 trace; 255: as it is | the level in force |
//! | 45..48 |          | ignored | zero |
//! | 48..52 | `budget` | bytes per second, at most [`MAX_RATE`](crate::limits::MAX_RATE); 0: as it is | the budget in force |
//!
//! The answer, of kind [`Kind::LogReply`], has the times of a reply and the request's length: there is no amplification.
//! Of its request's padding the answer has what is behind those fields. A request with another boot id is not answered,
//! so that one meant for a former boot, or from a source that is forged and does not know the id, changes nothing.
//!
//! The log's settings stand in a status reply as well, in the same form ([`crate::status`]).

use core::fmt;
use core::ops::Range;

use crate::header::{HEADER_LEN, Header, Kind, field};
use crate::limits::Rate;

const SETTINGS: Range<usize> = HEADER_LEN..HEADER_LEN + SETTINGS_LEN;

/// Encoded length of the settings, in bytes.
pub const SETTINGS_LEN: usize = 8;

/// Length of an answer, in bytes; also the shortest log request that is answered.
pub const LOG_LEN: usize = SETTINGS.end;

/// Level byte of a request that leaves the level as it is.
const UNCHANGED: u8 = 255;

/// Least important records that are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    /// None are.
    Off,
    /// Errors.
    Error,
    /// Warnings.
    Warn,
    /// Information.
    Info,
    /// Details for developers.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// All levels, each at the index that is its byte.
    pub const ALL: [Self; 6] = [
        Self::Off,
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// Returns the level with this byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Off,
            1 => Self::Error,
            2 => Self::Warn,
            3 => Self::Info,
            4 => Self::Debug,
            5 => Self::Trace,
            _ => return None,
        })
    }

    /// Returns the byte of the level.
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        self as u8
    }

    /// Returns the name, as the boot argument `log=` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Bytes per second that leave the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(Rate);

impl Budget {
    /// The budget unless a boot argument names another: a third of what a serial line of 115,200 baud takes.
    pub const DEFAULT: Self = match Self::new(4096) {
        Some(budget) => budget,
        None => panic!("out of range"),
    };

    /// Creates a budget of so many bytes per second, from 1 to [`MAX_RATE`](crate::limits::MAX_RATE); `None` out of range.
    #[must_use]
    pub const fn new(bytes_per_second: u32) -> Option<Self> {
        match Rate::new(bytes_per_second) {
            Some(rate) => Some(Self(rate)),
            None => None,
        }
    }

    /// Returns the bytes per second.
    #[must_use]
    pub const fn bytes_per_second(self) -> u32 {
        self.0.per_second()
    }

    /// Returns the same as a rate of bytes.
    #[must_use]
    pub const fn rate(self) -> Rate {
        self.0
    }
}

/// Settings of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The least important records that are logged.
    pub level: Level,
    /// Bytes per second that leave the log.
    pub budget: Budget,
}

impl Settings {
    /// Encodes the settings.
    #[must_use]
    pub fn encode(self) -> [u8; SETTINGS_LEN] {
        encode(self.level.as_byte(), self.budget.bytes_per_second())
    }

    /// Decodes settings; `None` if there are none, as where a service has no log.
    #[must_use]
    pub fn decode(bytes: &[u8; SETTINGS_LEN]) -> Option<Self> {
        let Change { level, budget } = Change::decode(bytes)?;
        Some(Self {
            level: level?,
            budget: budget?,
        })
    }
}

fn encode(level: u8, budget: u32) -> [u8; SETTINGS_LEN] {
    let [a, b, c, d] = budget.to_le_bytes();
    [level, 0, 0, 0, a, b, c, d]
}

/// Change of settings; those that are `None` are left as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The least important records that are logged.
    pub level: Option<Level>,
    /// Bytes per second that leave the log.
    pub budget: Option<Budget>,
}

impl Change {
    fn decode(bytes: &[u8; SETTINGS_LEN]) -> Option<Self> {
        let [level, _, _, _, a, b, c, d] = *bytes;
        let level = match level {
            UNCHANGED => None,
            byte => Some(Level::from_byte(byte)?),
        };
        let budget = match u32::from_le_bytes([a, b, c, d]) {
            0 => None,
            bytes => Some(Budget::new(bytes)?),
        };
        Some(Self { level, budget })
    }

    /// Reads the change that a log request asks for; `None` if a value is out of range.
    #[must_use]
    pub fn requested(request: &[u8; LOG_LEN]) -> Option<Self> {
        Self::decode(&settings_of(request))
    }

    /// Writes the request for this change of the boot called `boot_id`, sent at `t1_ns`.
    #[must_use]
    pub fn request(self, boot_id: u32, seq: u64, t1_ns: u64) -> [u8; LOG_LEN] {
        let mut datagram = [0; LOG_LEN];
        let header = Header {
            kind: Kind::LogRequest,
            boot_id,
            ..Header::request(seq, t1_ns)
        };
        let level = self.level.map_or(UNCHANGED, Level::as_byte);
        let budget = self.budget.map_or(0, Budget::bytes_per_second);
        datagram[SETTINGS].copy_from_slice(&encode(level, budget));
        // There is room for a header.
        let _ = header.encode(&mut datagram);
        datagram
    }
}

fn settings_of(datagram: &[u8; LOG_LEN]) -> [u8; SETTINGS_LEN] {
    let mut settings = [0; SETTINGS_LEN];
    settings.copy_from_slice(&datagram[SETTINGS]);
    settings
}

/// Returns the boot id that a log request is for.
#[must_use]
pub fn boot_id(request: &[u8; LOG_LEN]) -> u32 {
    let mut boot_id = [0; 4];
    boot_id.copy_from_slice(&request[field::BOOT_ID]);
    u32::from_le_bytes(boot_id)
}

/// Makes `datagram`, the first bytes of a log request, those of its answer.
///
/// `settings` are those in force. `received_ns` and `transmit_ns` are as for a reply.
pub fn answer(
    datagram: &mut [u8; LOG_LEN],
    settings: Settings,
    received_ns: u64,
    transmit_ns: impl FnOnce() -> u64,
) {
    datagram[field::KIND] = Kind::LogReply.as_byte();
    datagram[field::T2].copy_from_slice(&received_ns.to_le_bytes());
    datagram[SETTINGS].copy_from_slice(&settings.encode());
    datagram[field::T3].copy_from_slice(&transmit_ns().to_le_bytes());
}

/// Takes an answer apart: its header, and the settings in force. `None` if `datagram` is no log reply, or broken.
#[must_use]
pub fn decode_answer(datagram: &[u8]) -> Option<(Header, Settings)> {
    let header = Header::decode(datagram).ok()?;
    let settings = Settings::decode(&settings_of(datagram.first_chunk()?))?;
    (header.kind == Kind::LogReply).then_some((header, settings))
}

#[cfg(test)]
mod tests;
