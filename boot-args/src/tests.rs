//! Boot arguments: good ones, bad ones, and what is said of those.

use super::*;

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
        ipv6: None,
        port: 9000,
        path: Path::Reflector,
        idle: IdlePolicy::Spin,
        tsc_khz: None,
        log: LevelFilter::Warn,
        nic: None,
        panic: None,
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
             panic=halt nic=52:54:00:aB:34:56",
    );
    let expected = Args {
        ipv4: Ipv4Config::Static {
            address: Ipv4Addr::new(10, 0, 2, 15),
            prefix: 24,
            gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
        },
        ipv6: Some(("2001:db8::15".parse().unwrap(), 64)),
        port: 65535,
        path: Path::Stack,
        idle: IdlePolicy::Nap(Naps {
            quiet_us: 2_000_000,
            nap_us: 500,
        }),
        tsc_khz: Some(2_599_998),
        log: LevelFilter::Debug,
        nic: Mac::new([0x52, 0x54, 0, 0xab, 0x34, 0x56]),
        panic: Some(PanicEnd::Halt),
        configuration: Configuration::default(),
    };
    assert_eq!(values(args), expected);
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
fn the_channel_that_goes_first_counts() {
    let [by_line, by_smbios, by_file, by_dhcp] =
        ["port=1001", "port=1002", "port=1003", "port=1004"];
    let port = |texts| parse_all(texts).unwrap().port;
    assert_eq!(port([by_line, by_smbios, by_file, by_dhcp]), 1001);
    assert_eq!(port(["", by_smbios, by_file, by_dhcp]), 1002);
    assert_eq!(port(["", "", by_file, by_dhcp]), 1003);
    assert_eq!(port(["", "", "", by_dhcp]), 1004);
    assert_eq!(port(["", by_smbios, "", by_dhcp]), 1002);
    assert_eq!(port(["", "", "", ""]), 9000);

    let texts = [
        "port=1001 idle=nap",
        "ip=10.0.2.15/24",
        "port=1003 gw=10.0.2.2",
        "log=off port=1004",
    ];
    let configuration = parse_all(texts).unwrap().configuration;
    assert_eq!(
        configuration.to_string(),
        " gw=10.0.2.2 from=ip:smbios,gw:file,log:dhcp"
    );
}

#[test]
fn twice_within_a_channel_is_an_error_whatever_another_says() {
    let twice = "port=1 port=2";
    for texts in [
        ["port=3", twice, "", ""],
        ["port=3", "", twice, ""],
        ["port=3", "port=4", "port=5", twice],
    ] {
        let error = parse_all(texts).unwrap_err();
        assert_eq!(
            (error.argument, error.problem),
            ("port=2", Problem::Duplicate)
        );
    }
    // Several strings of SMBIOS are one channel.
    let error = Args::parse([(Channel::Smbios, "port=1"), (Channel::Smbios, "port=2")]);
    assert_eq!(error.unwrap_err().problem, Problem::Duplicate);
}

#[test]
fn an_error_names_the_channel_even_if_another_goes_before() {
    let error = parse_all(["port=1", "", "port=banana", ""]).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("malformed boot argument \"port=banana\" of the configuration file:"),
        "{text}"
    );
    assert!(
        parse("bogus")
            .unwrap_err()
            .to_string()
            .ends_with(": expected ip=, gw=, ip6=, port=, path=, idle=, quiet=, nap=, tsc_khz=, log=, nic= or panic=")
    );
}

#[test]
fn what_another_channel_has_made_useless_is_passed_over() {
    let args = parse_all([
        "ip=dhcp idle=spin",
        "",
        "ip=10.0.2.15/24 gw=10.0.2.2 nap=1ms",
        "",
    ]);
    let args = args.unwrap();
    assert_eq!((args.ipv4, args.idle), (Ipv4Config::Dhcp, IdlePolicy::Spin));
    assert_eq!(
        args.configuration,
        Configuration {
            sources: args.configuration.sources,
            ..Configuration::default()
        }
    );
    assert_eq!(args.configuration.sources.of("nap"), None);
    assert_eq!(args.configuration.sources.of("gw"), None);
    // But not what goes before, nor what nobody has changed.
    for texts in [
        ["gw=10.0.2.2", "", "ip=dhcp", ""],
        ["nap=1ms", "idle=spin", "", ""],
        ["", "", "gw=10.0.2.2", ""],
    ] {
        assert!(parse_all(texts).is_err(), "{texts:?}");
    }
}

#[test]
fn a_file_has_lines_and_comments() {
    let file = "# port=1\r\nport=2 # and\tport=3\n\n  idle=nap\r\n\tquiet=1s nap=1ms#2";
    let error = parse_all(["", "", file, ""]).unwrap_err();
    assert_eq!(error.argument, "nap=1ms#2");
    let file = file.replace("#2", " #2\n\n");
    let args = parse_all(["", "", &file, ""]).unwrap();
    assert_eq!(args.port, 2);
    assert!(matches!(args.idle, IdlePolicy::Nap(_)));
    // Only there.
    assert_eq!(parse("port=2 # port=3").unwrap_err().argument, "#");
}

#[test]
fn words_for_linux_are_ignored_and_counted() {
    let args = parse(
        "console=ttyS0 root=/dev/vda rw reboot=k panic=1 panic=-1 pci=off nomodule 8250.nr_uarts=0 \
         i8042.noaux i8042.nomux i8042.dumbkbd swiotlb=noforce BOOT_IMAGE=/fathom.elf quiet ro \
         virtio_mmio.device=4K@0xc0001000:5 virtio_mmio.device=4K@0xc0002000:6 panic=reset quiet=1s \
         idle=nap",
    )
    .unwrap();
    assert_eq!(args.configuration.ignored, 16);
    assert_eq!(args.panic, Some(PanicEnd::Reset));
    assert_eq!(args.configuration.to_string(), " ignored=16");
}

#[test]
fn a_dhcp_server_sets_nothing_that_is_settled_before() {
    for argument in [
        "ip=10.0.2.15/24",
        "gw=10.0.2.2",
        "ip6=fd00::1/64",
        "tsc_khz=1000000",
        "nic=52:54:00:12:34:56",
    ] {
        let error = parse_all(["", "", "", argument]).unwrap_err();
        assert_eq!(error.channel, Channel::Dhcp);
        assert!(matches!(error.problem, Problem::Unusable(_)), "{error}");
    }
    assert!(
        parse_all([
            "",
            "",
            "",
            "port=1 path=smoltcp idle=nap quiet=1s nap=1ms log=off panic=exit"
        ])
        .is_ok()
    );
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
