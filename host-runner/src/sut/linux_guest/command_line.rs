//! Command line of the Linux guest's kernel: the machine's facts, and every choice that lowers latency
//! or the time to boot and that somebody who deploys a single-purpose guest would make.
//!
//! Left out are what only works with several CPUs (`isolcpus`, `nohz_full`, `rcu_nocbs`), and
//! `preempt=none`, which made no difference with one process.

use super::{Network, Responder};

/// The kernel's options, each with its reason.
const OPTIONS: [(&str, &str); 14] = [
    (
        "console=ttyS0",
        "the machine's one console is its serial port",
    ),
    ("quiet", "every character there is a VM exit"),
    (
        "panic=-1",
        "a kernel that panics resets at once, which ends QEMU",
    ),
    (
        "mitigations=off",
        "nothing here is to be kept from anything else here",
    ),
    (
        "idle=poll",
        "a CPU that halts must be woken: the unikernel does not halt either",
    ),
    (
        "tsc=reliable",
        "the cheapest clock, without a watchdog timer that checks it",
    ),
    ("nowatchdog", "no timer that looks for lockups"),
    ("audit=0", "nothing is logged per system call"),
    ("lsm=capability", "no security module looks at every packet"),
    (
        "init_on_alloc=0",
        "memory for a packet is not cleared first",
    ),
    (
        "hardened_usercopy=off",
        "no check of what is copied to and from the responder",
    ),
    (
        "randomize_kstack_offset=off",
        "no random number per system call",
    ),
    (
        "cryptomgr.notests",
        "no cipher is tried out at boot: none is used, and half of the boot's instructions were that",
    ),
    (
        "ipv6.disable=1",
        "the service has no IPv6 address, so nobody announces one",
    ),
];

/// The kernel's option for the frequency of the time stamp counter, in kHz. Left to itself it measures that
/// while it boots, against timers that come late on a busy host; what it measures later, for a second, it
/// takes only if it is within 1 % of this.
pub const TSC_KHZ: &str = "tsc_early_khz=";

/// The unikernel's boot arguments that the responder has as well, beside those that the machine's facts make.
const RESPONDERS: [&str; 6] = [
    "allow",
    "rate",
    "rate-all",
    "stamp",
    "stamp-mode",
    "stamp-key",
];

/// Returns true if `word` is one of [`RESPONDERS`], with a value.
#[must_use]
pub fn is_responders(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| RESPONDERS.contains(&name))
}

/// Kernel and responder arguments as one line. What stands after `--` goes to process 1 as it is:
/// the kernel would take some of it for its own. Those of `more` come last.
#[must_use]
pub fn line(
    responder: Responder,
    network: Network,
    tsc_khz: Option<u32>,
    more: &[String],
) -> String {
    let Network { ip, gateway, port } = network;
    let mut words: Vec<String> = OPTIONS
        .iter()
        .map(|(option, _)| (*option).to_owned())
        .collect();
    words.extend(tsc_khz.map(|khz| format!("{TSC_KHZ}{khz}")));
    words.push("--".to_owned());
    words.push(format!("ip={ip}"));
    words.extend(gateway.map(|gateway| format!("gw={gateway}")));
    words.push(format!("port={port}"));
    words.push(format!("mode={}", responder.name()));
    words.extend_from_slice(more);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use wire::{Cidr, Mode};

    use super::*;

    #[test]
    fn the_kernels_options_come_first_and_the_responders_after_the_dashes() {
        let line = line(
            Responder::Linux(Mode::IoUring),
            Network {
                ip: Cidr::new(Ipv4Addr::new(10, 0, 2, 15), 24),
                gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
                port: 7000,
            },
            Some(2_599_998),
            &["stamp=off".to_owned()],
        );
        let (kernel, responder) = line.split_once(" -- ").unwrap();
        assert!(kernel.starts_with("console=ttyS0 quiet "), "{kernel}");
        assert!(kernel.ends_with(" tsc_early_khz=2599998"), "{kernel}");
        let expected = "ip=10.0.2.15/24 gw=10.0.2.2 port=7000 mode=io_uring stamp=off";
        assert_eq!(responder, expected);
    }

    #[test]
    fn the_responders_own_arguments_are_known() {
        assert!(is_responders("stamp=off") && is_responders("rate-all=7"));
        for word in ["stamp", "port=1", "idle=nap", "stamp-mod=stateful"] {
            assert!(!is_responders(word), "{word}");
        }
    }

    #[test]
    fn no_gateway_and_no_frequency_are_no_arguments() {
        let line = line(
            Responder::Linux(Mode::Busy),
            Network {
                ip: Cidr::new(Ipv4Addr::new(192, 0, 2, 9), 28),
                gateway: None,
                port: 9000,
            },
            None,
            &[],
        );
        assert!(!line.contains("tsc_early_khz"), "{line}");
        assert!(
            line.ends_with(" -- ip=192.0.2.9/28 port=9000 mode=busy"),
            "{line}"
        );
    }
}
