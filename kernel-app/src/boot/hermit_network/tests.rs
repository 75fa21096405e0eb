//! Arguments, and what Hermit makes of its own.

use std::format;
use std::string::ToString as _;

use super::*;

fn parse(line: &str) -> Result<Settings, SettingsError<'_>> {
    Settings::parse(line.split_whitespace())
}

/// Hermit's own way from a mask to a prefix length, in as many steps as it takes.
fn hermits_prefix(mask: Ipv4Addr) -> u32 {
    let zeros = mask.octets().map(|octet| (!octet).trailing_zeros());
    let mut prefix = zeros[0];
    for octet in 1..4 {
        if prefix == octet * 8 {
            prefix += zeros[octet as usize];
        }
    }
    prefix
}

#[test]
fn the_arguments_are_those_of_the_services_own_image() {
    let settings =
        parse("port=4242 ip=192.0.2.9/28 gw=192.0.2.1 tsc_khz=2599998 log=info").unwrap();
    let expected = Settings {
        address: Ipv4Addr::new(192, 0, 2, 9),
        prefix: 28,
        gateway: Some(Ipv4Addr::new(192, 0, 2, 1)),
        port: 4242,
        tsc_khz: Some(2_599_998),
        log: LevelFilter::Info,
    };
    assert_eq!(settings, expected);
    let settings = parse("ip=192.0.2.9/28").unwrap();
    assert_eq!((settings.port, settings.gateway), (9000, None));
}

#[test]
fn unsupported_settings_are_refused_and_named() {
    for argument in [
        "idle=spin",
        "path=smoltcp",
        "ip6=fd00::5/64",
        "bogus",
        "quiet=1ms",
    ] {
        let line = format!("ip=192.0.2.9/28 {argument}");
        let error = parse(&line).unwrap_err();
        assert_eq!(error, SettingsError::NotHere(argument));
        assert!(error.to_string().contains(argument));
    }
    for line in ["ip=dhcp", "", "port=9000"] {
        assert_eq!(parse(line), Err(SettingsError::NoAddress), "{line}");
    }
    for line in ["ip=10.0.2.300/24", "ip=10.0.2.15/24 port=0", "gw=10.0.2.2"] {
        assert!(
            matches!(parse(line), Err(SettingsError::Argument(_))),
            "{line}"
        );
    }
}

#[test]
fn hermit_reads_every_prefix_as_it_is_meant() {
    for prefix in 0..=32 {
        let mask = mask_for_hermit(prefix);
        assert_eq!(hermits_prefix(mask), prefix.into(), "{mask}");
    }
    assert_eq!(mask_for_hermit(24), Ipv4Addr::new(255, 255, 255, 0));
    assert_ne!(hermits_prefix(Ipv4Addr::new(255, 255, 255, 240)), 28);
}

#[test]
fn hermit_is_told_the_network_and_nothing_of_a_network_that_cannot_be() {
    let arguments = |line| KernelArguments::of_command_line(line).as_str().to_string();
    let own = "env=HERMIT_IP=192.0.2.9 env=HERMIT_MASK=255.255.255.239 ";
    assert_eq!(arguments("ip=192.0.2.9/28 port=1"), own);
    assert_eq!(arguments("-freq 2300 -- ip=192.0.2.9/28"), own);
    let gateway = "env=HERMIT_GATEWAY=192.0.2.1 ";
    assert_eq!(
        arguments("gw=192.0.2.1 ip=192.0.2.9/28"),
        format!("{own}{gateway}")
    );
    for line in [
        "",
        "ip=dhcp",
        "ip=192.0.2.9/28 bogus=1",
        "ip=192.0.2.9/28 --",
    ] {
        assert_eq!(arguments(line), "", "{line}");
    }
    let longest = "ip=192.168.100.100/24 gw=192.168.100.101";
    assert!(arguments(longest).ends_with("env=HERMIT_GATEWAY=192.168.100.101 "));
}

#[test]
fn another_network_than_the_arguments_is_noticed() {
    let settings = parse("ip=192.0.2.9/28 gw=192.0.2.1").unwrap();
    let right = [
        "PATH=/",
        "HERMIT_GATEWAY=192.0.2.1",
        "HERMIT_MASK=255.255.255.239",
        "HERMIT_IP=192.0.2.9",
    ];
    assert_eq!(settings.check(right), Ok(()));
    for (index, other) in [
        (1, "HERMIT_GATEWAY=192.0.2.2"),
        (2, "HERMIT_MASK=255.255.255.0"),
        (3, "HERMIT_IP=192.0.2.99"),
        (3, "HERMIT_IPX=192.0.2.9"),
    ] {
        let mut wrong = right;
        wrong[index] = other;
        let error = settings.check(wrong);
        assert_eq!(error, Err(SettingsError::AnotherNetwork), "{other}");
    }
    assert_eq!(settings.check([]), Err(SettingsError::AnotherNetwork));
}
