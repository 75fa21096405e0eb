//! The boot arguments.
//!
//! | argument | meaning | default |
//! |---|---|---|
//! | `ip=A.B.C.D/N` or `ip=dhcp` | IPv4 address and prefix length | `dhcp` |
//! | `gw=A.B.C.D` | default gateway, with a static `ip=`; it may be outside of the prefix | none |
//! | `ip6=ADDRESS/N`, `ip6=auto` or `ip6=off` | IPv6 address beside the link-local one; `auto`: of router advertisements (RFC 4862) | `auto` with `ip=dhcp`, else `off` |
//! | `port=N` | UDP port of the service | 9000 |
//! | `path=reflector` or `path=smoltcp` | what answers: the reflector, or smoltcp's sockets | `reflector` |
//! | `idle=spin` or `idle=nap` | what to do between frames | `spin` |
//! | `quiet=DURATION` | with `idle=nap`: how long nothing comes before the first nap | `10ms` |
//! | `nap=DURATION` | with `idle=nap`: how long a nap is | `2ms` |
//! | `tsc_khz=N` | frequency of the time stamp counter, in kHz, from 1000 to 65535000 | found out at boot |
//! | `log=off`, `error`, `warn`, `info`, `debug` or `trace` | log level | `warn` |
//! | `log-budget=BYTES/s` | rate at which the log's records leave the service, such as `512B/s` or `1KiB/s` | `4KiB/s` |
//! | `nic=MAC` | Ethernet address of the network device to use | the first |
//! | `panic=reset`, `exit` or `halt` | how the machine ends when the service can't go on | see `arch` |
//! | `echo=on` or `echo=off` | the echo service (RFC 862), at port 7 | `off` |
//! | `stamp=on`, `stamp=off` or `stamp=N` | STAMP's Session-Reflector (RFC 8762), at port 862 or N | `on` |
//! | `stamp-mode=stateless` or `stateful` | whether it counts its replies by session | `stateful` with a key, else `stateless` |
//! | `stamp-key=HEX` | its key, 16 to 64 octets: only authenticated packets are answered | none |
//! | `allow=CIDR[,CIDR…]` | networks whose hosts are answered, at most 16 ([`wire::limits`]) | all |
//! | `rate=N` | requests per second of one source that are answered, from 1 to 10000000 | no limit |
//! | `rate-all=N` | requests per second that are answered in all | no limit |
//! | `stack-rate=N` | neighbours' questions per second that are answered, and as many pings | 1000 |
//!
//! A DURATION is a whole number and a unit: `us`, `ms` or `s`.
//!
//! They come by several channels: the command line, SMBIOS, a file, a DHCP server ([`Channel`]).
//! Of an argument that several have, that of the first counts. One that is no use without
//! another (`gw=`, `quiet=`, `nap=`, `stamp-mode=`, `stamp-key=`) is passed over if a channel before its own has changed that other.
//! Words that Linux' boot loaders append (`words`, a closed list) are ignored and counted.
//!
//! Anything else, and anything twice within a channel, stops the boot: a service measured under a
//! configuration that nobody asked for is worse than none. Pure text to value; nothing is allocated. The
//! unikernel reads its arguments by this crate, and `fathom image` checks by it what it writes to a disk.
//!
//! ```
//! use boot_args::{Args, Channel};
//!
//! // The command line has the port, so that of the file does not count.
//! let texts = [(Channel::CommandLine, "port=9001"), (Channel::File, "port=9002 path=smoltcp")];
//! let args = Args::parse(texts).unwrap();
//! assert_eq!((args.port, args.path), (9001, boot_args::AnswerPath::Stack));
//! assert!(Args::parse([(Channel::File, "prot=9001")]).is_err());
//! ```
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![warn(clippy::missing_errors_doc, clippy::mod_module_files)]

mod error;
mod reader;
mod values;
mod words;

use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::RangeInclusive;

use log::LevelFilter;
use wire::limits::Rate;
use wire::log_control::Budget;
use wire::stamp::{Mode, Secret};
use wire::{Cidr, Limits, Mac};

pub use error::{ArgError, Problem};
use reader::Reader;
pub use values::{log_budget, log_level, tsc_khz};
pub use wire::{Channel, Configuration};
pub use words::words;

/// `stack-rate=` of a service that is not told another: what a host's neighbours need, and too few for a flood of
/// questions to take the time of the services.
pub const DEFAULT_STACK_RATE: Rate = match Rate::new(1000) {
    Some(rate) => rate,
    None => panic!("out of range"),
};

/// UDP port of DHCP clients (RFC 2131 §4.1), which the service can't have beside `ip=dhcp`.
pub const DHCP_CLIENT_PORT: u16 = 68;

/// Range of `tsc_khz=`, in kHz: the frequencies that can be passed to the kernel, which counts in
/// whole MHz.
pub const TSC_KHZ: RangeInclusive<u32> = 1_000..=65_535_000;

/// Origin of the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv4Config {
    /// From a DHCP server.
    Dhcp,
    /// From the boot arguments.
    Static {
        /// The service's address.
        address: Ipv4Addr,
        /// Length of the subnet's prefix, in bits.
        prefix: u8,
        /// Default gateway.
        gateway: Option<Ipv4Addr>,
    },
}

/// Origin of the IPv6 address beside the link-local one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6Config {
    /// From router advertisements.
    Auto,
    /// No such address.
    Off,
    /// From the boot arguments.
    Static(Cidr<Ipv6Addr>),
}

impl Ipv6Config {
    /// Returns the address from the boot arguments.
    #[must_use]
    pub const fn given(self) -> Option<Cidr<Ipv6Addr>> {
        match self {
            Self::Static(cidr) => Some(cidr),
            Self::Auto | Self::Off => None,
        }
    }
}

/// Conduct between frames; in the unikernel's module `idle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdlePolicy {
    /// Poll again at once.
    Spin,
    /// After a quiet spell, sleep in short naps.
    Nap(Naps),
}

/// Quiet spell before a nap, and length of a nap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naps {
    /// Time without a frame before the first nap, in microseconds.
    pub quiet_us: u64,
    /// Length of a nap, in microseconds.
    pub nap_us: u64,
}

impl Naps {
    /// The shortest nap, in microseconds: about as long as going to sleep and waking up takes.
    pub const MIN_NAP_US: u64 = 100;
    /// The longest, in microseconds: a request may have to wait for its end.
    pub const MAX_NAP_US: u64 = 1_000_000;
    /// Values unless the boot arguments say otherwise. Measured under TCG on a shared host:
    /// with naps of 2 ms the virtual processor takes 1.5 to 3 % of a core, and QEMU's main loop,
    /// which keeps the timer, as much again; shorter naps cost the main loop more.
    pub const DEFAULT: Self = Self {
        quiet_us: 10_000,
        nap_us: 2_000,
    };
}

/// Part of the image that answers the services' datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerPath {
    /// The reflector, and the stack for all else.
    Reflector,
    /// The stack alone, by its sockets: what the reflector is compared with.
    Stack,
}

/// End of the machine when the service can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanicEnd {
    /// Boots again.
    Reset,
    /// Switched off, or its emulator ended.
    Exit,
    /// Stands still.
    Halt,
}

/// STAMP's Session-Reflector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampConfig {
    /// `stamp=`: its UDP port, never 0.
    pub port: u16,
    /// `stamp-mode=`
    pub mode: Mode,
    /// `stamp-key=`
    pub key: Option<Secret>,
}

impl StampConfig {
    /// The reflector unless the boot arguments say otherwise.
    pub const DEFAULT: Self = Self {
        port: wire::stamp::STAMP_PORT,
        mode: Mode::Stateless,
        key: None,
    };
}

/// The boot arguments, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args {
    /// `ip=` and `gw=`
    pub ipv4: Ipv4Config,
    /// `ip6=`
    pub ipv6: Ipv6Config,
    /// `port=`, never 0 nor another service's.
    pub port: u16,
    /// `path=`
    pub path: AnswerPath,
    /// `idle=`, `quiet=` and `nap=`
    pub idle: IdlePolicy,
    /// `tsc_khz=`
    pub tsc_khz: Option<u32>,
    /// `log=`
    pub log: LevelFilter,
    /// `log-budget=`
    pub log_budget: Budget,
    /// `nic=`
    pub nic: Option<Mac>,
    /// `panic=`
    pub panic: Option<PanicEnd>,
    /// `echo=`
    pub has_echo: bool,
    /// `stamp=`, `stamp-mode=` and `stamp-key=`; `None` if it is off.
    pub stamp: Option<StampConfig>,
    /// `allow=`, `rate=` and `rate-all=`
    pub limits: Limits,
    /// `stack-rate=`
    pub stack_rate: Rate,
    /// Origin of the arguments.
    pub configuration: Configuration,
}

impl Args {
    /// Reads texts of arguments, in any order within a text. The texts of a channel come one after
    /// the other, and the channels in their order.
    ///
    /// # Errors
    ///
    /// The first argument that is unknown, malformed or twice within a channel; then the first whose
    /// value does not suit the others.
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = (Channel, &'a str)>,
    ) -> Result<Self, ArgError<'a>> {
        let mut reader = Reader::default();
        for (channel, text) in texts {
            reader.read(channel, text)?;
        }
        reader.finish()
    }
}

#[cfg(test)]
mod tests;
