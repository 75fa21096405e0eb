//! Boot arguments of the unikernel.

use std::net::Ipv4Addr;

use wire::Cidr;

use super::address::Ip;
use super::{GuestSpec, SutError};
use crate::tsc;

/// The longest line that QEMU hands to an image by PVH whole.
const MAX_LEN: usize = 4095;

/// Default address and gateway of a guest: those of QEMU's user network.
const DEFAULT_NETWORK: Cidr<Ipv4Addr> = Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24);
const DEFAULT_IP: Ip = Ip::Static(DEFAULT_NETWORK);
const DEFAULT_GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// The argument for the frequency of the guest's time stamp counter, in kHz.
pub const TSC_KHZ: &str = "tsc_khz";

/// Behaviour of the guest between frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Polls again at once: to be measured.
    Spin,
    /// Sleeps in short naps after a quiet spell: to stay.
    Nap,
}

/// Returns address and gateway of a guest that can't ask for them: those of `guest`, or the defaults.
#[must_use]
pub fn static_network(guest: &GuestSpec) -> (Cidr<Ipv4Addr>, Option<Ipv4Addr>) {
    match guest.ip {
        Some(Ip::Static(network)) => (network, guest.gateway),
        Some(Ip::Dhcp) | None => (DEFAULT_NETWORK, guest.gateway.or(Some(DEFAULT_GATEWAY))),
    }
}

/// Returns the boot arguments as one line. Those of `guest.boot_args` come last, and replace others of the
/// same name.
///
/// # Errors
///
/// [`SutError::Incompatible`] if they are longer than 4095 bytes.
pub fn line(guest: &GuestSpec, idle: Idle) -> Result<String, SutError> {
    let gateway = guest
        .gateway
        .or_else(|| guest.ip.is_none().then_some(DEFAULT_GATEWAY));
    let ours = [
        Some(("ip", guest.ip.unwrap_or(DEFAULT_IP).to_string())),
        gateway.map(|address| ("gw", address.to_string())),
        guest.ip6.map(|ip6| ("ip6", ip6.to_string())),
        Some(("port", guest.port.to_string())),
        Some((
            "idle",
            match idle {
                Idle::Spin => "spin".to_owned(),
                Idle::Nap => "nap".to_owned(),
            },
        )),
        tsc_khz(guest),
        log(guest),
    ];
    joined(guest, &ours)
}

/// Returns the same for the image on Hermit's own sockets, which has no IPv6, no DHCP, and waits as it does.
///
/// # Errors
///
/// [`SutError::Incompatible`] if they are longer than 4095 bytes.
pub fn sockets_line(guest: &GuestSpec) -> Result<String, SutError> {
    let (network, gateway) = static_network(guest);
    let ours = [
        Some(("ip", network.to_string())),
        gateway.map(|address| ("gw", address.to_string())),
        Some(("port", guest.port.to_string())),
        tsc_khz(guest),
        log(guest),
    ];
    joined(guest, &ours)
}

/// A boot argument's name and value.
type Argument = (&'static str, String);

/// Returns the frequency of the guest's time stamp counter in kHz; `None` if it is not known here. The
/// counter runs like this host's, under TCG as under KVM, unless a CPU model has KVM scale it: then the guest
/// finds the frequency in CPUID leaf 0x4000_0010.
pub fn guest_tsc_khz(guest: &GuestSpec) -> Option<u32> {
    let is_scaled = |model: &String| model.contains("tsc-frequency");
    if guest.cpu.as_ref().is_some_and(is_scaled) {
        return None;
    }
    tsc::khz()
}

fn tsc_khz(guest: &GuestSpec) -> Option<Argument> {
    guest_tsc_khz(guest).map(|khz| (TSC_KHZ, khz.to_string()))
}

fn log(guest: &GuestSpec) -> Option<Argument> {
    guest.log.map(|level| ("log", level.name().to_owned()))
}

/// Our arguments, and then the user's own, which replace ours of the same name.
fn joined(guest: &GuestSpec, ours: &[Option<Argument>]) -> Result<String, SutError> {
    let is_replaced = |name: &str| {
        let is_named = |argument: &String| argument.split('=').next() == Some(name);
        guest.boot_args.iter().any(is_named)
    };
    let line = ours
        .iter()
        .flatten()
        .filter(|(name, _)| !is_replaced(name))
        .map(|(name, value)| format!("{name}={value}"))
        .chain(guest.boot_args.iter().cloned())
        .collect::<Vec<_>>()
        .join(" ");
    if line.len() > MAX_LEN {
        return Err(SutError::Incompatible(
            "the boot arguments are longer than the 4095 bytes that QEMU hands over: give less with \
             `--boot-arg`",
        ));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    /// The line without what is measured.
    fn line_of(options: &str) -> String {
        without_clock(&try_line_of(options).unwrap())
    }

    fn without_clock(line: &str) -> String {
        let words = line.split(' ');
        let words: Vec<&str> = words.filter(|word| !word.starts_with(TSC_KHZ)).collect();
        words.join(" ")
    }

    fn try_line_of(options: &str) -> Result<String, SutError> {
        line(&guest_of(options), Idle::Spin)
    }

    fn guest_of(options: &str) -> GuestSpec {
        let words = ["fathom", "serve"].into_iter();
        match Cli::try_parse_from(words.chain(options.split_whitespace()))
            .unwrap()
            .command
        {
            Command::Serve(args) => args.guest.spec(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_suit_qemus_user_network() {
        assert_eq!(
            line_of(""),
            "ip=10.0.2.15/24 gw=10.0.2.2 port=9000 idle=spin"
        );
    }

    #[test]
    fn every_option_has_its_argument() {
        assert_eq!(
            line_of("--ip 192.0.2.5/28 --gw 192.0.2.1 --ip6 fd00::5/64 --port 7000 --log debug"),
            "ip=192.0.2.5/28 gw=192.0.2.1 ip6=fd00::5/64 port=7000 idle=spin log=debug"
        );
    }

    #[test]
    fn another_address_has_no_gateway_of_its_own_accord() {
        assert_eq!(line_of("--ip dhcp"), "ip=dhcp port=9000 idle=spin");
    }

    #[test]
    fn a_guest_that_cannot_ask_has_the_same_network() {
        let network_of = |options: &str| static_network(&guest_of(options));
        let default = (DEFAULT_NETWORK, Some(DEFAULT_GATEWAY));
        assert_eq!(network_of(""), default);
        let own = Cidr::new(Ipv4Addr::new(192, 0, 2, 5), 28);
        assert_eq!(network_of("--ip 192.0.2.5/28"), (own, None));
        let gateway = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(
            network_of("--ip 192.0.2.5/28 --gw 192.0.2.1"),
            (own, Some(gateway))
        );
    }

    #[test]
    fn the_users_arguments_pass_as_they_are_and_replace_ours() {
        assert_eq!(
            line_of("--boot-arg idle=nap --boot-arg colour=blue"),
            "ip=10.0.2.15/24 gw=10.0.2.2 port=9000 idle=nap colour=blue"
        );
    }

    #[test]
    fn a_key_can_be_in_a_file() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("key");
        let parsed = |key: &str| {
            std::fs::write(&path, key).unwrap();
            let argument = format!("stamp-key=@{}", path.display());
            Cli::try_parse_from(["fathom", "serve", "--boot-arg", &argument])
        };
        let Command::Serve(args) = parsed(" 000102030405060708090A0B0C0D0E0F\n")
            .unwrap()
            .command
        else {
            panic!("not serve")
        };
        let line = line(&args.guest.spec(), Idle::Spin).unwrap();
        assert!(
            line.ends_with(" stamp-key=000102030405060708090a0b0c0d0e0f"),
            "{line}"
        );
        let error = parsed("short").unwrap_err().to_string();
        assert!(error.contains("hexadecimal digits"), "{error}");
        std::fs::remove_file(&path).unwrap();
        assert!(
            Cli::try_parse_from(["fathom", "serve", "--boot-arg", "stamp-key=@/nowhere"]).is_err()
        );
    }

    #[test]
    fn hermits_own_sockets_get_what_they_have() {
        let line_of = |options: &str| without_clock(&sockets_line(&guest_of(options)).unwrap());
        assert_eq!(line_of(""), "ip=10.0.2.15/24 gw=10.0.2.2 port=9000");
        assert_eq!(
            line_of("--ip 192.0.2.5/28 --port 7000 --log info --boot-arg port=7001"),
            "ip=192.0.2.5/28 log=info port=7001"
        );
    }

    #[test]
    fn either_image_gets_the_counters_frequency_unless_it_is_another() {
        let lines_of = |options: &str| {
            let guest = guest_of(options);
            [line(&guest, Idle::Spin), sockets_line(&guest)].map(Result::unwrap)
        };
        let frequency = tsc::khz().map(|khz| format!(" tsc_khz={khz}"));
        for line in lines_of("") {
            assert!(
                line.contains(&frequency.clone().unwrap_or_default()),
                "{line}"
            );
        }
        for line in lines_of("--boot-arg tsc_khz=5000") {
            assert_eq!(line.matches(TSC_KHZ).count(), 1, "{line}");
            assert!(line.ends_with(" tsc_khz=5000"), "{line}");
        }
        for line in lines_of("--cpu host,tsc-frequency=1000000000") {
            assert!(!line.contains(TSC_KHZ), "{line}");
        }
    }

    #[test]
    fn arguments_that_qemu_would_truncate_are_refused() {
        let of_len = |len: usize| {
            let ours = try_line_of("--boot-arg x=").unwrap().len();
            try_line_of(&format!("--boot-arg x={}", "y".repeat(len - ours)))
        };
        assert_eq!(of_len(4095).unwrap().len(), 4095);
        assert!(matches!(of_len(4096), Err(SutError::Incompatible(_))));
    }
}
