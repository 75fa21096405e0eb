//! The value of each argument: text to value, or what is wrong with it.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use log::LevelFilter;
use wire::limits::{AllowList, LimitError, Rate};
use wire::log_control::Budget;
use wire::peer::is_host_ipv4;
use wire::stamp::{Mode, STAMP_PORT, Secret};
use wire::{Cidr, Mac};

use super::{AnswerPath, Ipv6Config, Naps, PanicEnd, Problem, TSC_KHZ};

/// A decimal number: digits only, where `u8` and `u16` would take a sign as well.
fn number<N: FromStr>(digits: &str) -> Option<N> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}

pub fn ipv4(value: &str) -> Result<Option<Cidr<Ipv4Addr>>, Problem> {
    if value == "dhcp" {
        return Ok(None);
    }
    let cidr: Cidr<Ipv4Addr> = value
        .parse()
        .map_err(|_| Problem::Malformed("ip=A.B.C.D/N with N from 0 to 32, or ip=dhcp"))?;
    if !is_host_ipv4(cidr.address) {
        return Err(Problem::Unusable("expected the address of one host"));
    }
    if !cidr.is_host() {
        return Err(Problem::Unusable(
            "this is the subnet's network or broadcast address; expected a host's",
        ));
    }
    Ok(Some(cidr))
}

pub fn gateway(value: &str) -> Result<Ipv4Addr, Problem> {
    let address = value
        .parse()
        .map_err(|_| Problem::Malformed("gw=A.B.C.D"))?;
    if is_host_ipv4(address) {
        Ok(address)
    } else {
        Err(Problem::Unusable("expected the address of one host"))
    }
}

pub fn ipv6(value: &str) -> Result<Ipv6Config, Problem> {
    match value {
        "auto" => return Ok(Ipv6Config::Auto),
        "off" => return Ok(Ipv6Config::Off),
        _ => {}
    }
    let expected = "ip6=ADDRESS/N with N from 0 to 128, ip6=auto or ip6=off";
    let cidr: Cidr<Ipv6Addr> = value.parse().map_err(|_| Problem::Malformed(expected))?;
    let address = cidr.address;
    let unusable = address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.to_ipv4_mapped().is_some();
    if unusable {
        return Err(Problem::Unusable("expected the address of one host"));
    }
    Ok(Ipv6Config::Static(cidr))
}

pub fn port(value: &str) -> Result<u16, Problem> {
    number(value)
        .filter(|&port| port != 0)
        .ok_or(Problem::Malformed("port=N with N from 1 to 65535"))
}

pub fn path(value: &str) -> Result<AnswerPath, Problem> {
    match value {
        "reflector" => Ok(AnswerPath::Reflector),
        "smoltcp" => Ok(AnswerPath::Stack),
        _ => Err(Problem::Malformed("path=reflector or path=smoltcp")),
    }
}

pub fn is_napping(value: &str) -> Result<bool, Problem> {
    match value {
        "spin" => Ok(false),
        "nap" => Ok(true),
        _ => Err(Problem::Malformed("idle=spin or idle=nap")),
    }
}

/// A whole number and its unit, in the smallest of `units`.
fn quantity(value: &str, units: &[(&str, u32)]) -> Option<u64> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &value[digits.len()..];
    let &(_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    // Of microseconds a year or so at most, so that nanoseconds of it still are a u64.
    number::<u32>(digits).map(|number| u64::from(number) * u64::from(factor))
}

/// A duration, in microseconds.
fn duration_us(value: &str) -> Option<u64> {
    quantity(value, &[("us", 1), ("ms", 1_000), ("s", 1_000_000)])
}

pub fn quiet_us(value: &str) -> Result<u64, Problem> {
    duration_us(value).ok_or(Problem::Malformed("quiet=DURATION, such as quiet=10ms"))
}

pub fn nap_us(value: &str) -> Result<u64, Problem> {
    let nap_us = duration_us(value).ok_or(Problem::Malformed("nap=DURATION, such as nap=500us"))?;
    if (Naps::MIN_NAP_US..=Naps::MAX_NAP_US).contains(&nap_us) {
        Ok(nap_us)
    } else {
        Err(Problem::Unusable("expected 100us to 1s"))
    }
}

/// Reads the value of `tsc_khz=`.
///
/// # Errors
///
/// [`Problem`] if it is no decimal number, or outside of [`TSC_KHZ`].
pub fn tsc_khz(value: &str) -> Result<u32, Problem> {
    number(value)
        .filter(|khz| TSC_KHZ.contains(khz))
        .ok_or(Problem::Malformed("tsc_khz=N with N from 1000 to 65535000"))
}

pub fn mac(value: &str) -> Result<Mac, Problem> {
    let expected = Problem::Malformed("nic=MAC, such as nic=52:54:00:12:34:56");
    let mac: Mac = value.parse().map_err(|_| expected)?;
    // No device has a group's address.
    if mac.is_host() {
        Ok(mac)
    } else {
        Err(expected)
    }
}

pub fn panic_end(value: &str) -> Result<PanicEnd, Problem> {
    match value {
        "reset" => Ok(PanicEnd::Reset),
        "exit" => Ok(PanicEnd::Exit),
        "halt" => Ok(PanicEnd::Halt),
        _ => Err(Problem::Malformed("panic=reset, panic=exit or panic=halt")),
    }
}

/// Reads the value of `log=`.
///
/// # Errors
///
/// [`Problem::Malformed`] if it is no level.
pub fn log_level(value: &str) -> Result<LevelFilter, Problem> {
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

/// Reads the value of `log-budget=`: a whole number of `B/s`, `KiB/s` or `MiB/s`.
///
/// # Errors
///
/// [`Problem::Malformed`] if it is none, or out of [`Budget`]'s range.
pub fn log_budget(value: &str) -> Result<Budget, Problem> {
    let units = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20)];
    let bytes = value
        .strip_suffix("/s")
        .and_then(|value| quantity(value, &units));
    let budget = bytes.and_then(|bytes| Budget::new(bytes.try_into().ok()?));
    budget.ok_or(Problem::Malformed(
        "log-budget=BYTES/s, such as log-budget=1KiB/s, up to 10000000B/s",
    ))
}

pub fn has_echo(value: &str) -> Result<bool, Problem> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Problem::Malformed("echo=on or echo=off")),
    }
}

/// The port of STAMP's reflector; `None` if it is off.
pub fn stamp(value: &str) -> Result<Option<u16>, Problem> {
    match value {
        "on" => Ok(Some(STAMP_PORT)),
        "off" => Ok(None),
        _ => number(value)
            .filter(|&port| port != 0)
            .map(Some)
            .ok_or(Problem::Malformed(
                "stamp=on, stamp=off, or stamp=N with N from 1 to 65535",
            )),
    }
}

pub fn stamp_mode(value: &str) -> Result<Mode, Problem> {
    Mode::from_name(value).ok_or(Problem::Malformed(
        "stamp-mode=stateless or stamp-mode=stateful",
    ))
}

pub fn stamp_key(value: &str) -> Result<Secret, Problem> {
    value.parse().map_err(|_| {
        Problem::Malformed("stamp-key=HEX, an even number of hexadecimal digits from 32 to 128")
    })
}

pub fn allow(value: &str) -> Result<AllowList, Problem> {
    value.parse().map_err(|error: LimitError| match error {
        LimitError::Network | LimitError::Rate => Problem::Malformed(error.text()),
        LimitError::HostBits | LimitError::TooManyNetworks => Problem::Unusable(error.text()),
    })
}

/// Reads a rate; `expected` says of its argument what it takes.
pub fn rate(value: &str, expected: &'static str) -> Result<Rate, Problem> {
    value.parse().map_err(|_| Problem::Malformed(expected))
}
