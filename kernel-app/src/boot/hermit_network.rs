//! The boot arguments of the image on Hermit's own sockets, and the network settings that Hermit is passed by them.
//!
//! | argument | meaning | default |
//! |---|---|---|
//! | `ip=A.B.C.D/N` | IPv4 address and prefix length | none: it must be given |
//! | `gw=`, `port=`, `tsc_khz=`, `log=` | as in [`args`](crate::args) | as there |
//!
//! There is no `ip=dhcp`: a Hermit kernel is built either to ask for its address or to be given it, and most links
//! have no DHCP server. It is given, which also spares the boot the wait. No unsafe code.
#![forbid(unsafe_code)]

use core::fmt::{self, Write as _};
use core::net::Ipv4Addr;

use log::LevelFilter;

use crate::args::{ArgError, Args, Channel, Ipv4Config};

/// The boot arguments that there are here.
const NAMES: [&str; 5] = ["ip", "gw", "port", "tsc_khz", "log"];

/// The boot arguments, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The service's address.
    pub address: Ipv4Addr,
    /// Length of the subnet's prefix, in bits.
    pub prefix: u8,
    /// Default gateway.
    pub gateway: Option<Ipv4Addr>,
    /// UDP port.
    pub port: u16,
    /// The time stamp counter's frequency, in kHz, if it was given.
    pub tsc_khz: Option<u32>,
    /// Log level.
    pub log: LevelFilter,
}

/// Boot arguments that can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsError<'a> {
    /// The service's own image may have it; this one does not.
    NotHere(&'a str),
    /// As there.
    Argument(ArgError<'a>),
    /// No `ip=`, or `ip=dhcp`.
    NoAddress,
    /// Hermit's environment names another network than the arguments.
    AnotherNetwork,
}

impl fmt::Display for SettingsError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHere(argument) => write!(
                f,
                "unknown boot argument \"{argument}\": on Hermit's sockets there are ip=, gw=, \
                 port=, tsc_khz= and log="
            ),
            Self::Argument(error) => error.fmt(f),
            Self::NoAddress => f.write_str(
                "no static address: Hermit's network is built without DHCP here, give ip=A.B.C.D/N",
            ),
            Self::AnotherNetwork => f.write_str(
                "Hermit was told another network than ip= and gw=: give them unquoted, once, and \
                 nothing else about the network",
            ),
        }
    }
}

impl core::error::Error for SettingsError<'_> {}

impl Settings {
    /// Reads boot arguments, in any order.
    ///
    /// # Errors
    ///
    /// The first argument that is not there here, else the first that [`Args::parse`] does not take;
    /// then [`SettingsError::NoAddress`].
    pub fn parse<'a, I>(arguments: I) -> Result<Self, SettingsError<'a>>
    where
        I: IntoIterator<Item = &'a str, IntoIter: Clone>,
    {
        let arguments = arguments.into_iter();
        let is_not_here = |argument: &&str| {
            let name = argument.split('=').next();
            name.is_none_or(|name| !NAMES.contains(&name))
        };
        if let Some(argument) = arguments.clone().find(is_not_here) {
            return Err(SettingsError::NotHere(argument));
        }
        let words = arguments.map(|word| (Channel::CommandLine, word));
        let args = Args::parse(words).map_err(SettingsError::Argument)?;
        match args.ipv4 {
            Ipv4Config::Dhcp => Err(SettingsError::NoAddress),
            Ipv4Config::Static {
                address,
                prefix,
                gateway,
            } => Ok(Self {
                address,
                prefix,
                gateway,
                port: args.port,
                tsc_khz: args.tsc_khz,
                log: args.log,
            }),
        }
    }

    /// The variables that tell Hermit its network. Without a gateway it takes one of its own, which
    /// then does not exist.
    fn variables(&self) -> impl Iterator<Item = (&'static str, Ipv4Addr)> {
        [
            ("HERMIT_IP", Some(self.address)),
            ("HERMIT_MASK", Some(mask_for_hermit(self.prefix))),
            ("HERMIT_GATEWAY", self.gateway),
        ]
        .into_iter()
        .filter_map(|(name, address)| Some((name, address?)))
    }

    /// Checks that Hermit was passed this network, given its environment variables as `NAME=VALUE`.
    /// The boot code passed it, but from a line of text that Hermit has split into words since, and that
    /// may say more.
    ///
    /// # Errors
    ///
    /// [`SettingsError::AnotherNetwork`] if not.
    pub fn check<'a, I>(&self, environment: I) -> Result<(), SettingsError<'static>>
    where
        I: IntoIterator<Item = &'a str, IntoIter: Clone>,
    {
        let environment = environment.into_iter();
        let is_passed = |(name, address): (&str, Ipv4Addr)| {
            let mut values = environment
                .clone()
                .filter_map(|variable| variable.strip_prefix(name)?.strip_prefix('='));
            values.any(|value| value.parse() == Ok(address))
        };
        if self.variables().all(is_passed) {
            Ok(())
        } else {
            Err(SettingsError::AnotherNetwork)
        }
    }
}

/// The mask from which Hermit comes to a prefix of `prefix` bits, at most 32.
///
/// It counts, octet by octet, the zeros at the *end* of the inverted octet, where those at its start
/// are what it means: right for whole octets only (`src/executor/device.rs`, hermit-kernel 0.11.0).
/// So an octet in which the prefix ends half-way is one whose inverse has a single bit set, that one.
fn mask_for_hermit(prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(core::array::from_fn(|octet| {
        match prefix.saturating_sub(octet as u8 * 8) {
            0 => 0,
            bits @ 1..8 => !(1_u8 << bits),
            8.. => 0xff,
        }
    }))
}

/// Hermit's own arguments, which come before the application's, as text.
#[derive(Clone, Copy, Debug)]
pub struct KernelArguments {
    text: [u8; Self::CAPACITY],
    len: usize,
}

impl KernelArguments {
    /// Three variables with the longest of addresses.
    const CAPACITY: usize = 128;

    /// Nothing.
    pub const NONE: Self = Self {
        text: [0; Self::CAPACITY],
        len: 0,
    };

    /// The network that a whole command line asks for, each argument with a space behind it. Nothing
    /// if it can't be used: the application then says why.
    #[must_use]
    pub fn of_command_line(command_line: &str) -> Self {
        let words = command_line.split_ascii_whitespace();
        let ours = match words.clone().position(|word| word == "--") {
            Some(separator) => separator + 1,
            None => 0,
        };
        let mut arguments = Self::NONE;
        if let Ok(settings) = Settings::parse(words.skip(ours)) {
            for (name, address) in settings.variables() {
                if write!(arguments, "env={name}={address} ").is_err() {
                    return Self::NONE;
                }
            }
        }
        arguments
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only whole strings are put in.
        str::from_utf8(&self.text[..self.len]).unwrap_or_default()
    }
}

impl fmt::Write for KernelArguments {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.text.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
