//! The arguments that were given, each once, and whether they suit each other.

use core::net::{Ipv4Addr, Ipv6Addr};

use log::LevelFilter;

use super::values::{
    gateway, ipv4, ipv6, is_host_of, is_napping, log_level, nap_us, path, port, quiet_us, tsc_khz,
};
use super::{ArgError, Args, DHCP_CLIENT_PORT, IdlePolicy, Ipv4Config, Naps, Path, Problem};
use crate::services::ECHO_PORT;

/// A value together with the argument it stood in.
type Given<'a, T> = Option<(&'a str, T)>;

/// What was read so far.
#[derive(Default)]
pub struct Reader<'a> {
    ip: Given<'a, Option<(Ipv4Addr, u8)>>,
    gateway: Given<'a, Ipv4Addr>,
    ipv6: Given<'a, (Ipv6Addr, u8)>,
    port: Given<'a, u16>,
    path: Given<'a, Path>,
    is_napping: Given<'a, bool>,
    quiet_us: Given<'a, u64>,
    nap_us: Given<'a, u64>,
    tsc_khz: Given<'a, u32>,
    log: Given<'a, LevelFilter>,
}

impl<'a> Reader<'a> {
    /// Reads one.
    pub fn read(&mut self, argument: &'a str) -> Result<(), Problem> {
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
            "tsc_khz" => set(&mut self.tsc_khz, argument, tsc_khz(value)?),
            "log" => set(&mut self.log, argument, log_level(value)?),
            _ => Err(Problem::Unknown),
        }
    }

    /// What they come to together.
    pub fn finish(self) -> Result<Args, ArgError<'a>> {
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
                tsc_khz: self.tsc_khz.map(|(_, khz)| khz),
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
