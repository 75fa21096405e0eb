//! Arguments from several channels, the first of which wins.

use super::*;

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
            .ends_with(": expected ip=, gw=, ip6=, port=, path=, idle=, quiet=, nap=, tsc_khz=, log=, nic=, panic=, echo=, stamp=, stamp-mode=, stamp-key=, allow=, rate=, rate-all=, stack-rate= or log-budget=")
    );
}

#[test]
fn channels_superseded_by_another_are_passed_over() {
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
