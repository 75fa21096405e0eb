//! Boot arguments: good ones, bad ones, and what is said of those.

use wire::limits::Rate;
use wire::log_control::Budget;

use super::*;

mod channels;
mod stamp;

fn parse(line: &str) -> Result<Args, ArgError<'_>> {
    Args::parse([(Channel::CommandLine, line)])
}

/// The command line, SMBIOS, file and DHCP.
fn parse_all<'a>(texts: [&'a str; 4]) -> Result<Args, ArgError<'a>> {
    use Channel::{CommandLine, Dhcp, File, Smbios};
    Args::parse([CommandLine, Smbios, File, Dhcp].into_iter().zip(texts))
}

/// The same without where they came from.
fn values(args: Result<Args, ArgError<'_>>) -> Args {
    Args {
        configuration: Configuration::default(),
        ..args.unwrap()
    }
}

#[test]
fn defaults() {
    let expected = Args {
        ipv4: Ipv4Config::Dhcp,
        ipv6: Ipv6Config::Auto,
        port: 9000,
        path: AnswerPath::Reflector,
        idle: IdlePolicy::Spin,
        tsc_khz: None,
        log: LevelFilter::Warn,
        log_budget: Budget::DEFAULT,
        nic: None,
        panic: None,
        has_echo: false,
        stamp: Some(StampConfig::DEFAULT),
        stack_rate: DEFAULT_STACK_RATE,
        limits: Limits::default(),
        configuration: Configuration::default(),
    };
    assert_eq!(parse(""), Ok(expected));
    assert_eq!(values(parse("ip=dhcp")), expected);
}

#[test]
fn everything_in_any_order() {
    let args = parse(
        "log=debug gw=10.0.2.2 nap=500us idle=nap port=65535 path=smoltcp \
             ip6=2001:db8::15/64 ip=10.0.2.15/24 tsc_khz=2599998 quiet=2s \
             panic=halt nic=52:54:00:aB:34:56 echo=on stamp=8620 stamp-mode=stateless \
             stamp-key=000102030405060708090a0b0c0d0e0F \
             log-budget=1KiB/s rate=100 allow=10.0.0.0/8,fd00::/8 rate-all=4000 stack-rate=50",
    );
    let expected = Args {
        ipv4: Ipv4Config::Static {
            address: Ipv4Addr::new(10, 0, 2, 15),
            prefix: 24,
            gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
        },
        ipv6: Ipv6Config::Static("2001:db8::15/64".parse().unwrap()),
        port: 65535,
        path: AnswerPath::Stack,
        idle: IdlePolicy::Nap(Naps {
            quiet_us: 2_000_000,
            nap_us: 500,
        }),
        tsc_khz: Some(2_599_998),
        log: LevelFilter::Debug,
        log_budget: Budget::new(1024).unwrap(),
        nic: Some(Mac::new([0x52, 0x54, 0, 0xab, 0x34, 0x56])),
        panic: Some(PanicEnd::Halt),
        has_echo: true,
        stamp: Some(StampConfig {
            port: 8620,
            mode: Mode::Stateless,
            key: Secret::new(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
        }),
        limits: Limits {
            allow: "10.0.0.0/8,fd00::/8".parse().unwrap(),
            rate: Rate::new(100),
            rate_all: Rate::new(4000),
        },
        stack_rate: Rate::new(50).unwrap(),
        configuration: Configuration::default(),
    };
    assert_eq!(values(args), expected);
}

#[test]
fn router_advertisements_are_heeded_where_nothing_is_static() {
    for (text, expected) in [
        ("", Ipv6Config::Auto),
        ("ip=dhcp", Ipv6Config::Auto),
        ("ip=10.0.2.15/24", Ipv6Config::Off),
        ("ip=10.0.2.15/24 ip6=auto", Ipv6Config::Auto),
        ("ip6=off", Ipv6Config::Off),
    ] {
        assert_eq!(parse(text).unwrap().ipv6, expected, "{text}");
    }
    assert!(parse("ip6=Auto").is_err());
}

#[test]
fn small_and_large_subnets() {
    for ip in [
        "10.0.0.0/31",
        "10.0.0.1/31",
        "10.0.0.0/32",
        "10.1.2.3/0",
        "1.2.3.4/1",
    ] {
        assert!(parse(&std::format!("ip={ip}")).is_ok(), "{ip}");
    }
}

#[test]
fn unknown_arguments_are_named() {
    for argument in [
        "ipp=dhcp",
        "dhcp",
        "=",
        "IP=dhcp",
        "nap",
        "consol=ttyS0",
        "console",
        "ro=1",
        "panic",
        "#",
    ] {
        let error = parse(argument).unwrap_err();
        assert_eq!(error.problem, Problem::Unknown, "{argument:?}");
        assert!(error.to_string().contains(&std::format!("\"{argument}\"")));
    }
}

#[test]
fn duplicates_are_refused_even_if_equal() {
    for line in [
        "port=1 port=1",
        "ip=dhcp ip=10.0.0.1/8",
        "log=off idle=nap log=off",
    ] {
        assert_eq!(
            parse(line).unwrap_err().problem,
            Problem::Duplicate,
            "{line}"
        );
    }
}

#[test]
fn malformed_values_say_what_is_expected() {
    for argument in [
        "ip=",
        "ip=10.0.0.1",
        "ip=10.0.0.1/",
        "ip=10.0.0.1/33",
        "ip=10.0.0/8",
        "ip=10.0.0.1/+8",
        "ip=10.0.0.01/8",
        "ip=::1/64",
        "ip=DHCP",
        "gw=10.0.0.1/8",
        "gw=",
        "ip6=fe80::1",
        "ip6=2001:db8::1/129",
        "ip6=10.0.0.1/8",
        "port=0",
        "port=65536",
        "port=",
        "port=-1",
        "port=+80",
        "port=0x50",
        "idle=",
        "idle=sleep",
        "path=",
        "path=stack",
        "nap=1",
        "nap=ms",
        "nap=1.5ms",
        "nap=-1ms",
        "nap=1ns",
        "nap=1MS",
        "nap=4294967296us",
        "quiet=",
        "quiet=5m",
        "tsc_khz=",
        "tsc_khz=0",
        "tsc_khz=999",
        "tsc_khz=65535001",
        "tsc_khz=2.6e6",
        "log=",
        "log=verbose",
        "log=WARN",
        "panic=",
        "panic=off",
        "allow=",
        "allow=10.0.0.0",
        "allow=10.0.0.0/8,",
        "rate=",
        "rate=0",
        "rate=10000001",
        "rate-all=-1",
        "rate-all=1.5",
        "stack-rate=0",
        "stack-rate=off",
        "log-budget=",
        "log-budget=0B/s",
        "log-budget=1024",
        "log-budget=10MiB/s",
        "nic=52:54:00:12:34",
        "nic=52:54:00:12:34:56:78",
        "nic=52:54:00:12:34:5",
        "nic=+2:54:00:12:34:56",
        "nic=01:00:5e:00:00:01",
        "nic=00:00:00:00:00:00",
    ] {
        let error = parse(argument).unwrap_err();
        assert!(
            matches!(error.problem, Problem::Malformed(_)),
            "{argument}: {error}"
        );
        let name = argument.split('=').next().unwrap();
        let message = error.to_string();
        assert!(
            message.contains(&std::format!("\"{argument}\": expected {name}=")),
            "{message}"
        );
    }
}

#[test]
fn addresses_that_no_host_can_have_are_refused() {
    for argument in [
        "ip=0.0.0.0/0",
        "ip=0.1.2.3/8",
        "ip=127.0.0.1/8",
        "ip=224.0.0.1/4",
        "ip=240.0.0.1/4",
        "ip=255.255.255.255/32",
        "ip=10.0.2.0/24",
        "ip=10.0.2.255/24",
        "ip6=::/0",
        "ip6=::1/128",
        "ip6=ff02::1/64",
        "ip6=::ffff:10.0.0.1/96",
        "gw=127.0.0.1",
        "gw=224.0.0.1",
    ] {
        let error = parse(argument).unwrap_err();
        assert!(
            matches!(error.problem, Problem::Unusable(_)),
            "{argument}: {error}"
        );
    }
}

#[test]
fn networks_have_no_host_bits_and_are_few() {
    let many: Vec<String> = (0..17).map(|i| std::format!("10.{i}.0.0/16")).collect();
    for argument in [
        "allow=10.0.0.1/8".to_owned(),
        std::format!("allow={}", many.join(",")),
    ] {
        let problem = parse(&argument).unwrap_err().problem;
        assert!(matches!(problem, Problem::Unusable(_)), "{argument}");
    }
}

#[test]
fn a_gateway_must_suit_the_address() {
    for line in [
        "gw=10.0.2.15 ip=10.0.2.15/24",
        "gw=10.0.2.2",
        "ip=dhcp gw=10.0.2.2",
    ] {
        let error = parse(line).unwrap_err();
        assert!(
            matches!(error.problem, Problem::Unusable(_)),
            "{line}: {error}"
        );
        assert!(error.argument.starts_with("gw="), "{line}: {error}");
    }
}

#[test]
fn a_gateway_may_be_outside_of_the_prefix() {
    for (line, prefix) in [
        ("ip=10.0.2.15/32 gw=10.0.2.2", 32),
        ("ip=10.0.2.15/32 gw=172.31.1.1", 32),
        ("ip=10.0.2.15/31 gw=10.0.2.1", 31),
        ("ip=10.0.2.15/24 gw=10.0.3.1", 24),
    ] {
        let Ok(Ipv4Config::Static {
            prefix: read,
            gateway: Some(_),
            ..
        }) = parse(line).map(|args| args.ipv4)
        else {
            panic!("{line}");
        };
        assert_eq!(read, prefix, "{line}");
    }
}

#[test]
fn naps_have_defaults_and_bounds() {
    let idle = |line| parse(line).map(|args| args.idle);
    assert_eq!(idle("idle=nap"), Ok(IdlePolicy::Nap(Naps::DEFAULT)));
    for (nap, nap_us) in [("100us", 100), ("1s", 1_000_000), ("20ms", 20_000)] {
        let line = std::format!("idle=nap nap={nap} quiet=0s");
        let naps = Naps {
            quiet_us: 0,
            nap_us,
        };
        assert_eq!(
            parse(&line).map(|args| args.idle),
            Ok(IdlePolicy::Nap(naps))
        );
    }
    for argument in ["nap=99us", "nap=0ms", "nap=1001ms", "nap=2s"] {
        let line = std::format!("idle=nap {argument}");
        let error = parse(&line).unwrap_err();
        assert!(matches!(error.problem, Problem::Unusable(_)), "{error}");
    }
}

#[test]
fn naps_need_the_policy() {
    for line in [
        "nap=1ms",
        "quiet=1ms",
        "idle=spin nap=1ms",
        "quiet=1s idle=spin",
    ] {
        let error = parse(line).unwrap_err();
        assert!(matches!(error.problem, Problem::Unusable(_)), "{line}");
        assert!(!error.argument.starts_with("idle"), "{line}: {error}");
    }
}

#[test]
fn the_echo_services_port_is_taken() {
    assert_eq!(parse("port=7").unwrap_err().argument, "port=7");
    assert_eq!(parse("ip=10.0.2.15/24 port=8").unwrap().port, 8);
}

#[test]
fn the_dhcp_clients_port_is_taken_only_with_dhcp() {
    assert_eq!(parse("port=68").unwrap_err().argument, "port=68");
    assert_eq!(parse("port=68 ip=10.0.2.15/24").unwrap().port, 68);
}

#[test]
fn budgets_are_numbers_with_a_unit() {
    for (text, bytes) in [
        ("1B/s", 1),
        ("512B/s", 512),
        ("1KiB/s", 1024),
        ("9MiB/s", 9 << 20),
        ("10000000B/s", 10_000_000),
    ] {
        let budget = log_budget(text).unwrap();
        assert_eq!(budget.bytes_per_second(), bytes, "{text}");
    }
    for text in [
        "",
        "B/s",
        "KiB/s",
        "0B/s",
        "1",
        "1/s",
        "1KiB",
        "1KB/s",
        "+1KiB/s",
        "-1B/s",
        "1.5KiB/s",
        "10000001B/s",
        "10MiB/s",
        "4294967297B/s",
        "4194304KiB/s",
        "1iB/s",
        "1GiB/s",
        "1 KiB/s",
        "1KiB/s/s",
        "1\u{e9}iB/s",
    ] {
        assert!(log_budget(text).is_err(), "{text}");
    }
}
