//! The arguments that were given, each from the channel that goes first, and whether they suit each
//! other.

use core::net::Ipv4Addr;

use log::LevelFilter;
use wire::configuration::ARGUMENTS;
use wire::limits::{AllowList, Rate};
use wire::log_control::Budget;
use wire::stamp::{Mode, Secret};
use wire::{Cidr, ECHO_PORT, Limits, Mac};

use super::values::{
    allow, gateway, has_echo, ipv4, ipv6, is_napping, log_budget, log_level, mac, nap_us,
    panic_end, path, port, quiet_us, rate, stamp, stamp_key, stamp_mode, tsc_khz,
};
use super::words::{Purpose, purpose, words};
use super::{
    AnswerPath, ArgError, Args, Channel, Configuration, DEFAULT_STACK_RATE, DHCP_CLIENT_PORT,
    IdlePolicy, Ipv4Config, Ipv6Config, Naps, PanicEnd, Problem, StampConfig,
};

/// Arguments that a DHCP server may not set: what it is asked for by other options, and what is settled before
/// it is asked.
const NOT_BY_DHCP: [&str; 9] = [
    "ip",
    "gw",
    "ip6",
    "nic",
    "tsc_khz",
    "echo",
    "stamp",
    "stamp-mode",
    KEY,
];

/// The argument whose value is a secret, which no error may show.
const KEY: &str = "stamp-key";

/// A value, and where it stood.
#[derive(Clone, Copy)]
struct Given<'a, T> {
    argument: &'a str,
    channel: Channel,
    value: T,
}

impl<T> Given<'_, T> {
    /// Returns true if the argument has to suit one of `other`, or is passed over if it does not: a channel
    /// that goes before may change what it was meant for.
    fn must_suit<U>(&self, other: Option<&Given<'_, U>>) -> bool {
        other.is_none_or(|other| self.channel <= other.channel)
    }
}

type Slot<'a, T> = Option<Given<'a, T>>;

/// Arguments that were read so far.
#[derive(Default)]
pub struct Reader<'a> {
    /// The channel of the text that was read last.
    channel: Option<Channel>,
    /// The [`ARGUMENTS`] that it had, one bit each.
    seen: u32,
    ignored: u16,
    ip: Slot<'a, Option<Cidr<Ipv4Addr>>>,
    gateway: Slot<'a, Ipv4Addr>,
    ipv6: Slot<'a, Ipv6Config>,
    port: Slot<'a, u16>,
    path: Slot<'a, AnswerPath>,
    is_napping: Slot<'a, bool>,
    quiet_us: Slot<'a, u64>,
    nap_us: Slot<'a, u64>,
    tsc_khz: Slot<'a, u32>,
    log: Slot<'a, LevelFilter>,
    nic: Slot<'a, Mac>,
    panic: Slot<'a, PanicEnd>,
    has_echo: Slot<'a, bool>,
    stamp: Slot<'a, Option<u16>>,
    stamp_mode: Slot<'a, Mode>,
    stamp_key: Slot<'a, Secret>,
    allow: Slot<'a, AllowList>,
    rate: Slot<'a, Rate>,
    rate_all: Slot<'a, Rate>,
    stack_rate: Slot<'a, Rate>,
    log_budget: Slot<'a, Budget>,
}

impl<'a> Reader<'a> {
    /// Reads a text. Those of a channel come one after the other, and the channels in their order.
    pub fn read(&mut self, channel: Channel, text: &'a str) -> Result<(), ArgError<'a>> {
        if self.channel.replace(channel) != Some(channel) {
            self.seen = 0;
        }
        words(channel, text).try_for_each(|word| match purpose(word) {
            Purpose::Argument => self
                .read_argument(channel, word)
                .map_err(|problem| ArgError {
                    argument: shown(word),
                    channel,
                    problem,
                }),
            Purpose::Linux => {
                self.ignored = self.ignored.saturating_add(1);
                Ok(())
            }
            Purpose::Device => Ok(()),
        })
    }

    fn read_argument(&mut self, channel: Channel, argument: &'a str) -> Result<(), Problem> {
        let (name, value) = argument.split_once('=').ok_or(Problem::Unknown)?;
        let index = ARGUMENTS.iter().position(|&known| known == name);
        let bit = 1 << index.ok_or(Problem::Unknown)?;
        if self.seen & bit != 0 {
            return Err(Problem::Duplicate);
        }
        self.seen |= bit;
        if channel == Channel::Dhcp && NOT_BY_DHCP.contains(&name) {
            return Err(Problem::Unusable("a DHCP server can't set it"));
        }
        let at = (shown(argument), channel);
        match name {
            "ip" => set(&mut self.ip, at, ipv4(value)?),
            "gw" => set(&mut self.gateway, at, gateway(value)?),
            "ip6" => set(&mut self.ipv6, at, ipv6(value)?),
            "port" => set(&mut self.port, at, port(value)?),
            "path" => set(&mut self.path, at, path(value)?),
            "idle" => set(&mut self.is_napping, at, is_napping(value)?),
            "quiet" => set(&mut self.quiet_us, at, quiet_us(value)?),
            "nap" => set(&mut self.nap_us, at, nap_us(value)?),
            "tsc_khz" => set(&mut self.tsc_khz, at, tsc_khz(value)?),
            "log" => set(&mut self.log, at, log_level(value)?),
            "nic" => set(&mut self.nic, at, mac(value)?),
            "panic" => set(&mut self.panic, at, panic_end(value)?),
            "echo" => set(&mut self.has_echo, at, has_echo(value)?),
            "stamp" => set(&mut self.stamp, at, stamp(value)?),
            "stamp-mode" => set(&mut self.stamp_mode, at, stamp_mode(value)?),
            KEY => set(&mut self.stamp_key, at, stamp_key(value)?),
            "allow" => set(&mut self.allow, at, allow(value)?),
            "rate" => set(
                &mut self.rate,
                at,
                rate(value, "rate=N with N from 1 to 10000000")?,
            ),
            "rate-all" => set(
                &mut self.rate_all,
                at,
                rate(value, "rate-all=N with N from 1 to 10000000")?,
            ),
            "stack-rate" => set(
                &mut self.stack_rate,
                at,
                rate(value, "stack-rate=N with N from 1 to 10000000")?,
            ),
            "log-budget" => set(&mut self.log_budget, at, log_budget(value)?),
            _ => return Err(Problem::Unknown),
        }
        Ok(())
    }

    /// Arguments that they come to together.
    pub fn finish(mut self) -> Result<Args, ArgError<'a>> {
        let ipv4 = self.ipv4()?;
        let idle = self.idle()?;
        let stamp = self.stamp()?;
        self.check_ports(ipv4, stamp)?;
        Ok(Args {
            ipv4,
            ipv6: value(self.ipv6).unwrap_or(match ipv4 {
                Ipv4Config::Dhcp => Ipv6Config::Auto,
                Ipv4Config::Static { .. } => Ipv6Config::Off,
            }),
            port: value(self.port).unwrap_or(wire::DEFAULT_PORT),
            path: value(self.path).unwrap_or(AnswerPath::Reflector),
            idle,
            tsc_khz: value(self.tsc_khz),
            log: value(self.log).unwrap_or(LevelFilter::Warn),
            log_budget: value(self.log_budget).unwrap_or(Budget::DEFAULT),
            nic: value(self.nic),
            panic: value(self.panic),
            has_echo: value(self.has_echo).unwrap_or(false),
            stamp,
            limits: Limits {
                allow: value(self.allow).unwrap_or(AllowList::ALL),
                rate: value(self.rate),
                rate_all: value(self.rate_all),
            },
            stack_rate: value(self.stack_rate).unwrap_or(DEFAULT_STACK_RATE),
            configuration: self.configuration(),
        })
    }

    /// Each service needs a port of its own, and DHCP its client's.
    fn check_ports(
        &self,
        ipv4: Ipv4Config,
        stamp: Option<StampConfig>,
    ) -> Result<(), ArgError<'a>> {
        let by_dhcp = "DHCP needs this port; choose another, or a static ip=";
        let is_taken = |port| port == DHCP_CLIENT_PORT && ipv4 == Ipv4Config::Dhcp;
        let stamp = stamp.map(|stamp| stamp.port);
        match self.port {
            Some(given) if is_taken(given.value) => return Err(unusable(&given, by_dhcp)),
            Some(given) if given.value == ECHO_PORT => {
                return Err(unusable(&given, "it is the echo service's"));
            }
            Some(given) if stamp == Some(given.value) => {
                return Err(unusable(
                    &given,
                    "it is STAMP's; choose another for one of them",
                ));
            }
            _ => {}
        }
        match (self.stamp, stamp) {
            (Some(given), Some(port)) if is_taken(port) => Err(unusable(&given, by_dhcp)),
            (Some(given), Some(ECHO_PORT)) => Err(unusable(&given, "it is the echo service's")),
            (Some(given), Some(wire::DEFAULT_PORT)) if self.port.is_none() => Err(unusable(
                &given,
                "it is the main service's; choose another for one of them",
            )),
            _ => Ok(()),
        }
    }

    fn stamp(&mut self) -> Result<Option<StampConfig>, ArgError<'a>> {
        let port = value(self.stamp).unwrap_or(Some(StampConfig::DEFAULT.port));
        let Some(port) = port else {
            let off = self.stamp.as_ref();
            let why = "it needs stamp=on";
            if let Some(given) = self.stamp_mode.take()
                && given.must_suit(off)
            {
                return Err(unusable(&given, why));
            }
            if let Some(given) = self.stamp_key.take()
                && given.must_suit(off)
            {
                return Err(unusable(&given, why));
            }
            return Ok(None);
        };
        let key = value(self.stamp_key);
        Ok(Some(StampConfig {
            port,
            mode: value(self.stamp_mode).unwrap_or_else(|| Mode::by_default(key.as_ref())),
            key,
        }))
    }

    fn ipv4(&mut self) -> Result<Ipv4Config, ArgError<'a>> {
        let config = match (value(self.ip).flatten(), self.gateway) {
            (None, None) => return Ok(Ipv4Config::Dhcp),
            (None, Some(given)) => Err((
                given,
                "a gateway needs a static address, ip=A.B.C.D/N",
                Ipv4Config::Dhcp,
            )),
            (Some(Cidr { address, prefix }), Some(given)) if given.value == address => Err((
                given,
                "the gateway is the service's own address",
                Ipv4Config::Static {
                    address,
                    prefix,
                    gateway: None,
                },
            )),
            (Some(Cidr { address, prefix }), gateway) => Ok(Ipv4Config::Static {
                address,
                prefix,
                gateway: value(gateway),
            }),
        };
        config.or_else(|(given, why, without)| {
            if given.must_suit(self.ip.as_ref()) {
                return Err(unusable(&given, why));
            }
            self.gateway = None;
            Ok(without)
        })
    }

    fn idle(&mut self) -> Result<IdlePolicy, ArgError<'a>> {
        if value(self.is_napping) == Some(true) {
            return Ok(IdlePolicy::Nap(Naps {
                quiet_us: value(self.quiet_us).unwrap_or(Naps::DEFAULT.quiet_us),
                nap_us: value(self.nap_us).unwrap_or(Naps::DEFAULT.nap_us),
            }));
        }
        for slot in [&mut self.quiet_us, &mut self.nap_us] {
            if let Some(given) = slot.take()
                && given.must_suit(self.is_napping.as_ref())
            {
                return Err(unusable(&given, "it needs idle=nap"));
            }
        }
        Ok(IdlePolicy::Spin)
    }

    fn configuration(&self) -> Configuration {
        let mut configuration = Configuration {
            gateway: value(self.gateway),
            ignored: self.ignored,
            ..Configuration::default()
        };
        let channels = [
            channel(&self.ip),
            channel(&self.gateway),
            channel(&self.ipv6),
            channel(&self.port),
            channel(&self.path),
            channel(&self.is_napping),
            channel(&self.quiet_us),
            channel(&self.nap_us),
            channel(&self.tsc_khz),
            channel(&self.log),
            channel(&self.nic),
            channel(&self.panic),
            channel(&self.has_echo),
            channel(&self.stamp),
            channel(&self.stamp_mode),
            channel(&self.stamp_key),
            channel(&self.allow),
            channel(&self.rate),
            channel(&self.rate_all),
            channel(&self.stack_rate),
            channel(&self.log_budget),
        ];
        for (name, channel) in ARGUMENTS.iter().zip(channels) {
            if let Some(channel) = channel {
                configuration.sources.set(name, channel);
            }
        }
        configuration
    }
}

/// Keeps what a channel that goes before has said.
fn set<'a, T>(slot: &mut Slot<'a, T>, (argument, channel): (&'a str, Channel), value: T) {
    slot.get_or_insert(Given {
        argument,
        channel,
        value,
    });
}

/// Returns what may be shown of `argument`: of a secret its name alone.
fn shown(argument: &str) -> &str {
    match argument.split_once('=') {
        Some((KEY, _)) => KEY,
        _ => argument,
    }
}

fn value<T: Copy>(slot: Slot<'_, T>) -> Option<T> {
    slot.map(|given| given.value)
}

fn channel<T>(slot: &Slot<'_, T>) -> Option<Channel> {
    slot.as_ref().map(|given| given.channel)
}

fn unusable<'a, T>(given: &Given<'a, T>, why: &'static str) -> ArgError<'a> {
    ArgError {
        argument: given.argument,
        channel: given.channel,
        problem: Problem::Unusable(why),
    }
}
