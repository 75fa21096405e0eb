//! The boot arguments.
//!
//! | argument | meaning | default |
//! |---|---|---|
//! | `ip=A.B.C.D/N` or `ip=dhcp` | IPv4 address and prefix length | `dhcp` |
//! | `gw=A.B.C.D` | default gateway, with a static `ip=` | none |
//! | `ip6=ADDRESS/N` | IPv6 address beside the link-local one | none |
//! | `port=N` | UDP port of the service | 9000 |
//! | `path=reflector` or `path=smoltcp` | what answers: the reflector, or smoltcp's sockets | `reflector` |
//! | `idle=spin` or `idle=nap` | what to do between frames | `spin` |
//! | `quiet=DURATION` | with `idle=nap`: how long nothing comes before the first nap | `10ms` |
//! | `nap=DURATION` | with `idle=nap`: how long a nap is | `2ms` |
//! | `log=off`, `error`, `warn`, `info`, `debug` or `trace` | log level | `warn` |
//!
//! A DURATION is a whole number and a unit: `us`, `ms` or `s`.
//!
//! Anything else, and anything twice, stops the boot: a service measured under a configuration
//! that nobody asked for is worse than none. Pure text to value; nothing is allocated.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use log::LevelFilter;

use crate::services::ECHO_PORT;

/// Where a DHCP client listens (RFC 2131 §4.1): not to be had for the service beside `ip=dhcp`.
pub const DHCP_CLIENT_PORT: u16 = 68;

/// Where the IPv4 address comes from.
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

/// What to do between frames; see [`crate::idle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdlePolicy {
    /// Poll again at once.
    Spin,
    /// After a quiet spell, sleep in short naps.
    Nap(Naps),
}

/// When to nap, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naps {
    /// How long nothing must have come before the first nap, in microseconds.
    pub quiet_us: u64,
    /// How long a nap is, in microseconds.
    pub nap_us: u64,
}

impl Naps {
    /// The shortest nap, in microseconds: about as long as going to sleep and waking up takes.
    pub const MIN_NAP_US: u64 = 100;
    /// The longest, in microseconds: a request may have to wait for its end.
    pub const MAX_NAP_US: u64 = 1_000_000;
    /// What they are unless the boot arguments say otherwise. Measured under TCG on a shared host:
    /// with naps of 2 ms the virtual processor takes 1.5 to 3 % of a core, and QEMU's main loop,
    /// which keeps the timer, as much again; shorter naps cost the main loop more.
    pub const DEFAULT: Self = Self {
        quiet_us: 10_000,
        nap_us: 2_000,
    };
}

/// What answers the services' datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// [`crate::reflector`], and the stack for all else.
    Reflector,
    /// The stack alone, by its sockets: what the reflector is compared with.
    Stack,
}

/// The boot arguments, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args {
    /// `ip=` and `gw=`
    pub ipv4: Ipv4Config,
    /// `ip6=`: address and prefix length.
    pub ipv6: Option<(Ipv6Addr, u8)>,
    /// `port=`, never 0 nor the echo service's.
    pub port: u16,
    /// `path=`
    pub path: Path,
    /// `idle=`, `quiet=` and `nap=`
    pub idle: IdlePolicy,
    /// `log=`
    pub log: LevelFilter,
}

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
                 nap= or log=",
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

/// A value together with the argument it stood in.
type Given<'a, T> = Option<(&'a str, T)>;

/// What was read so far.
#[derive(Default)]
struct Reader<'a> {
    ip: Given<'a, Option<(Ipv4Addr, u8)>>,
    gateway: Given<'a, Ipv4Addr>,
    ipv6: Given<'a, (Ipv6Addr, u8)>,
    port: Given<'a, u16>,
    path: Given<'a, Path>,
    is_napping: Given<'a, bool>,
    quiet_us: Given<'a, u64>,
    nap_us: Given<'a, u64>,
    log: Given<'a, LevelFilter>,
}

impl Args {
    /// Reads boot arguments, in any order.
    ///
    /// # Errors
    ///
    /// The first argument that is unknown, malformed or given twice; then the first whose value
    /// does not suit the others.
    pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self, ArgError<'a>> {
        let mut reader = Reader::default();
        for argument in arguments {
            reader
                .read(argument)
                .map_err(|problem| ArgError { argument, problem })?;
        }
        reader.finish()
    }
}

impl<'a> Reader<'a> {
    fn read(&mut self, argument: &'a str) -> Result<(), Problem> {
        let (name, value) = argument.split_once('=').ok_or(Problem::Unknown)?;
        match name {
            "ip" => set(&mut self.ip, argument, ipv4(value)?),
            "gw" => set(&mut self.gateway, argument, gateway(value)?),
            "ip6" => set(&mut self.ipv6, argument, ipv6(value)?),
            "port" => set(&mut self.port, argument, port(value)?),
            "path" => set(&mut self.path, argument, path(value)?),
            "idle" => set(&mut self.is_napping, argument, is_napping(value)?),
            "quiet" => set(&mut self.quiet_us, argument, quiet_us(value)?),
            "nap" => set(&mut self.nap_us, argument, nap_us(value)?),
            "log" => set(&mut self.log, argument, log_level(value)?),
            _ => Err(Problem::Unknown),
        }
    }

    fn finish(self) -> Result<Args, ArgError<'a>> {
        let unusable = |argument, why| {
            Err(ArgError {
                argument,
                problem: Problem::Unusable(why),
            })
        };
        let ipv4 = match (self.ip.and_then(|(_, ip)| ip), self.gateway) {
            (None, None) => Ipv4Config::Dhcp,
            (None, Some((argument, _))) => {
                return unusable(argument, "a gateway needs a static address, ip=A.B.C.D/N");
            }
            (Some((address, prefix)), gateway) => {
                if let Some((argument, gateway)) = gateway {
                    if gateway == address {
                        return unusable(argument, "the gateway is the service's own address");
                    }
                    if !is_host_of(gateway, address, prefix) {
                        return unusable(argument, "the gateway is no host of the subnet of ip=");
                    }
                }
                Ipv4Config::Static {
                    address,
                    prefix,
                    gateway: gateway.map(|(_, gateway)| gateway),
                }
            }
        };
        let is_napping = self.is_napping.is_some_and(|(_, is_napping)| is_napping);
        let idle = match (is_napping, self.quiet_us, self.nap_us) {
            (true, quiet_us, nap_us) => IdlePolicy::Nap(Naps {
                quiet_us: quiet_us.map_or(Naps::DEFAULT.quiet_us, |(_, us)| us),
                nap_us: nap_us.map_or(Naps::DEFAULT.nap_us, |(_, us)| us),
            }),
            (false, None, None) => IdlePolicy::Spin,
            (false, Some((argument, _)), _) | (false, _, Some((argument, _))) => {
                return unusable(argument, "it needs idle=nap");
            }
        };
        match self.port {
            Some((argument, DHCP_CLIENT_PORT)) if ipv4 == Ipv4Config::Dhcp => unusable(
                argument,
                "DHCP needs this port; choose another, or a static ip=",
            ),
            Some((argument, ECHO_PORT)) => unusable(argument, "it is the echo service's"),
            port => Ok(Args {
                ipv4,
                ipv6: self.ipv6.map(|(_, ipv6)| ipv6),
                port: port.map_or(wire::DEFAULT_PORT, |(_, port)| port),
                path: self.path.map_or(Path::Reflector, |(_, path)| path),
                idle,
                log: self.log.map_or(LevelFilter::Warn, |(_, log)| log),
            }),
        }
    }
}

fn set<'a, T>(slot: &mut Given<'a, T>, argument: &'a str, value: T) -> Result<(), Problem> {
    match slot.replace((argument, value)) {
        None => Ok(()),
        Some(_) => Err(Problem::Duplicate),
    }
}

fn cidr<A: FromStr>(value: &str, max_prefix: u8) -> Option<(A, u8)> {
    let (address, prefix) = value.split_once('/')?;
    let prefix = number(prefix).filter(|&prefix| prefix <= max_prefix)?;
    Some((address.parse().ok()?, prefix))
}

/// A decimal number: digits only, where `u8` and `u16` would take a sign as well.
fn number<N: FromStr>(digits: &str) -> Option<N> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}

fn ipv4(value: &str) -> Result<Option<(Ipv4Addr, u8)>, Problem> {
    if value == "dhcp" {
        return Ok(None);
    }
    let (address, prefix) = cidr(value, 32).ok_or(Problem::Malformed(
        "ip=A.B.C.D/N with N from 0 to 32, or ip=dhcp",
    ))?;
    if !is_unicast(address) {
        return Err(Problem::Unusable("expected the address of one host"));
    }
    if !is_host_of(address, address, prefix) {
        return Err(Problem::Unusable(
            "this is the subnet's network or broadcast address; expected a host's",
        ));
    }
    Ok(Some((address, prefix)))
}

fn gateway(value: &str) -> Result<Ipv4Addr, Problem> {
    let address = value
        .parse()
        .map_err(|_| Problem::Malformed("gw=A.B.C.D"))?;
    if is_unicast(address) {
        Ok(address)
    } else {
        Err(Problem::Unusable("expected the address of one host"))
    }
}

fn ipv6(value: &str) -> Result<(Ipv6Addr, u8), Problem> {
    let (address, prefix): (Ipv6Addr, u8) =
        cidr(value, 128).ok_or(Problem::Malformed("ip6=ADDRESS/N with N from 0 to 128"))?;
    let unusable = address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.to_ipv4_mapped().is_some();
    if unusable {
        return Err(Problem::Unusable("expected the address of one host"));
    }
    Ok((address, prefix))
}

fn port(value: &str) -> Result<u16, Problem> {
    number(value)
        .filter(|&port| port != 0)
        .ok_or(Problem::Malformed("port=N with N from 1 to 65535"))
}

fn path(value: &str) -> Result<Path, Problem> {
    match value {
        "reflector" => Ok(Path::Reflector),
        "smoltcp" => Ok(Path::Stack),
        _ => Err(Problem::Malformed("path=reflector or path=smoltcp")),
    }
}

fn is_napping(value: &str) -> Result<bool, Problem> {
    match value {
        "spin" => Ok(false),
        "nap" => Ok(true),
        _ => Err(Problem::Malformed("idle=spin or idle=nap")),
    }
}

/// A whole number and its unit, in microseconds.
fn duration_us(value: &str) -> Option<u64> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_us = match &value[digits.len()..] {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        _ => return None,
    };
    // A year or so at most, so that nanoseconds of it still are a u64.
    number::<u32>(digits).map(|number| u64::from(number) * unit_us)
}

fn quiet_us(value: &str) -> Result<u64, Problem> {
    duration_us(value).ok_or(Problem::Malformed("quiet=DURATION, such as quiet=10ms"))
}

fn nap_us(value: &str) -> Result<u64, Problem> {
    let nap_us = duration_us(value).ok_or(Problem::Malformed("nap=DURATION, such as nap=500us"))?;
    if (Naps::MIN_NAP_US..=Naps::MAX_NAP_US).contains(&nap_us) {
        Ok(nap_us)
    } else {
        Err(Problem::Unusable("expected 100us to 1s"))
    }
}

fn log_level(value: &str) -> Result<LevelFilter, Problem> {
    match value {
        "off" => Ok(LevelFilter::Off),
        "error" => Ok(LevelFilter::Error),
        "warn" => Ok(LevelFilter::Warn),
        "info" => Ok(LevelFilter::Info),
        "debug" => Ok(LevelFilter::Debug),
        "trace" => Ok(LevelFilter::Trace),
        _ => Err(Problem::Malformed(
            "log=off, log=error, log=warn, log=info, log=debug or log=trace",
        )),
    }
}

/// Whether `address` can be one host's: not 0/8, loopback, multicast or reserved (RFC 6890).
fn is_unicast(address: Ipv4Addr) -> bool {
    !matches!(address.octets()[0], 0 | 127 | 224..)
}

/// Whether `address` can be a host's in the subnet of `own`/`prefix`: inside it, and neither its
/// network nor its broadcast address, which /31 (RFC 3021) and /32 do not have.
fn is_host_of(address: Ipv4Addr, own: Ipv4Addr, prefix: u8) -> bool {
    let host_mask = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    let host = address.to_bits() & host_mask;
    let inside = (address.to_bits() ^ own.to_bits()) & !host_mask == 0;
    inside && (prefix >= 31 || (host != 0 && host != host_mask))
}

#[cfg(test)]
mod tests;
