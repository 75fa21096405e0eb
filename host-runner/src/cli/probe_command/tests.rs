//! Options of `fathom probe`: the protocol, the key, and where requests leave from.

use super::super::{Cli, Command};
use super::*;
use clap::Parser as _;
use std::io::Write as _;

fn probe_args(line: &str) -> Result<ProbeArgs, clap::Error> {
    let line = ["fathom", "probe"]
        .into_iter()
        .chain(line.split_whitespace());
    match Cli::try_parse_from(line)?.command {
        Command::Probe(args) => Ok(*args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_for_stamp_and_its_packets_have_room_for_the_hmac() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let _ = writeln!(file, "000102030405060708090a0b0c0d0e0f");
    let key = file.path().display();
    let spec = |line: &str| {
        let line = format!("127.0.0.1:862 --stamp-key {key} {line}");
        probe_args(&line).unwrap().spec()
    };
    let line = "--protocol stamp --payload 112 --dscp EF";
    let plan = spec(line).unwrap().plan;
    assert_eq!((plan.protocol.name(), plan.key.is_some()), ("stamp", true));
    assert!(spec("--protocol stamp --payload 64").is_err());
    assert!(spec("--protocol twamp-light --payload 112").is_err());
    assert!(spec("--payload 112").is_err());
    for file in ["/dev/null", "/nonexistent"] {
        let line = format!("127.0.0.1:862 --protocol stamp --payload 112 --stamp-key {file}");
        let error = probe_args(&line).unwrap().spec().unwrap_err();
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[test]
fn the_client_is_what_the_options_say() {
    let spec = probe_args("127.0.0.1:9").unwrap().spec().unwrap();
    assert_eq!((spec.client.flows, spec.client.bind), (1, None));
    let line = "127.0.0.1:9 --bind 127.0.0.2:4000 --interface lo --flows 4 --protocol echo";
    let spec = probe_args(line).unwrap().spec().unwrap();
    assert_eq!((spec.client.flows, spec.plan.protocol.name()), (4, "echo"));
    assert_eq!(spec.client.interface.as_deref(), Some("lo"));
    for wrong in [
        "--flows 0",
        "--flows 257",
        "--bind localhost",
        "--protocol twamp",
        "--dscp 64",
    ] {
        let error = probe_args(&format!("127.0.0.1:9 {wrong}")).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{wrong}");
    }
}

#[test]
fn a_measurement_without_an_end_has_no_result_to_write_or_to_judge() {
    for options in ["--require lost==0", "--out x", "--json -"] {
        let args = probe_args(&format!("127.0.0.1:9 --exporter 0 {options}")).unwrap();
        let error = args.continuous_spec().unwrap_err().to_string();
        assert!(error.contains("has no result"), "{options}: {error}");
    }
}
