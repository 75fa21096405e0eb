//! `--pcap`: what is on the wire, as tshark sees it.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Command;

use suite::Capability;
use tests::fathom::Call;
use tests::process;
use tests::qemu_lock::lock_qemu;

/// Frames that are malformed, or whose checksum is bad.
const BAD: &str = "_ws.malformed || _ws.expert.severity == error \
                   || ip.checksum.status == \"Bad\" || udp.checksum.status == \"Bad\" \
                   || icmp.checksum.status == \"Bad\" || icmpv6.checksum.status == \"Bad\"";

/// Returns whether tshark is there; skips the calling test if not.
#[track_caller]
fn has_tshark() -> bool {
    process::is_installed("tshark", Capability::Tshark)
}

/// Runs tshark over `capture` with all checksums looked at; one line per frame that `filter` finds.
fn tshark(capture: &Path, filter: &str) -> Vec<String> {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(capture)
        .args([
            "-o",
            "ip.check_checksum:TRUE",
            "-o",
            "udp.check_checksum:TRUE",
        ])
        .args(["-Y", filter])
        .output()
        .expect("it is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {errors}");
    assert!(!errors.contains("cut short"), "{errors}");
    let lines = String::from_utf8_lossy(&output.stdout);
    lines.lines().map(str::to_owned).collect()
}

/// Captures a run; returns how many requests it sent, and the frames that `wanted` finds.
fn captured(arguments: &str, wanted: &[&str]) -> (u64, Vec<usize>) {
    let lock = lock_qemu();
    let call = Call::run(&format!(
        "--accel tcg --warmup 0s --timeout 20s {arguments}"
    ));
    let capture = call.file("frames.pcap");
    let outcome = call.with("--pcap", &capture).finish(&lock);
    let results = outcome.measured();
    let bad = tshark(&capture, BAD);
    assert!(bad.is_empty(), "{arguments}: {bad:#?}");
    let counts = wanted.iter().map(|filter| tshark(&capture, filter).len());
    (results.count("sent"), counts.collect())
}

#[test]
fn frames_over_ipv4_are_all_well_formed() {
    if !has_tshark() {
        return;
    }
    let filters = ["udp.dstport == 9000", "udp.srcport == 9000", "arp"];
    for arguments in [
        "--link vhost-user --count 300",
        "--link unix --count 300",
        "--link vhost-user --count 100 --payload 44",
        "--link vhost-user --count 100 --payload 1472",
        "--link unix --count 100 --payload 1472",
    ] {
        let (sent, counts) = captured(arguments, &filters);
        assert_eq!(counts[..2], [sent as usize; 2], "{arguments}");
        assert!(
            counts[2] >= 2,
            "{arguments}: address resolution, asked and answered"
        );
    }
}

#[test]
fn frames_on_a_tap_device_are_all_well_formed_and_nobody_has_to_ask_for_an_address() {
    if !has_tshark() || !tests::network::is_root() {
        return;
    }
    let filters = [
        "udp.dstport == 9000",
        "udp.srcport == 9000",
        "arp && !arp.isgratuitous",
        "!udp",
    ];
    let (sent, counts) = captured("--link tap --count 300", &filters);
    assert_eq!(counts[..2], [sent as usize; 2]);
    assert_eq!(counts[2], 0);
    assert!(counts[3] < 10, "the guest's own few words: {counts:?}");
}

#[test]
fn frames_over_ipv6_are_all_well_formed() {
    if !has_tshark() {
        return;
    }
    let filters = [
        "ipv6 && udp.dstport == 9000",
        "ipv6 && udp.srcport == 9000",
        "icmpv6.type == 136",
    ];
    for link in ["vhost-user", "unix"] {
        let arguments = format!("--link {link} --ipv6 --ip6 2001:db8::15/64 --count 300");
        let (sent, counts) = captured(&arguments, &filters);
        assert_eq!(counts[..2], [sent as usize; 2]);
        assert!(counts[2] >= 1, "a neighbour was found");
    }
}

#[test]
fn the_user_network_with_dhcp_is_well_formed() {
    if !has_tshark() {
        return;
    }
    let filters = [
        "udp.dstport == 9000",
        "udp.srcport == 9000",
        "dhcp.option.dhcp == 5",
    ];
    let (sent, counts) = captured("--link user --ip dhcp --count 300", &filters);
    assert_eq!(counts[0], sent as usize);
    assert!(counts[1] >= 1 && counts[2] == 1, "{counts:?}");
}
