//! Options of `fathom probe`: the protocol, the key, and where requests leave from.

use super::super::{Cli, Command, help};
use super::*;
use clap::{CommandFactory as _, Parser as _};
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

/// Options that act on a continuous measurement, with a value that is not the default.
const ACTING: [(&str, &str); 20] = [
    ("arrivals", "even"),
    ("bind", "127.0.0.9"),
    ("dscp", "EF"),
    ("duration", "1h"),
    ("every", "2s"),
    ("exporter", "9465"),
    ("flows", "2"),
    ("hlog", "elsewhere"),
    ("interface", "lo"),
    ("jitter", "1s"),
    ("label", "zone=a"),
    ("mode", "open"),
    ("native-schema", "5"),
    ("payload", "100"),
    ("protocol", "echo"),
    ("rate", "10"),
    ("seed", "2"),
    ("targets", "list"),
    ("timeout", "2s"),
    ("warmup", "1s"),
];

/// Values of options that have neither a default nor a list of values.
const VALUES: [(&str, &str); 9] = [
    ("baseline", "results/a"),
    ("count", "5"),
    ("cpus", "0,1"),
    ("depth", "4"),
    ("json", "a.json"),
    ("junit", "a.xml"),
    ("objectives", "a.toml"),
    ("out", "out"),
    ("percentiles", "75"),
];

#[test]
fn every_option_acts_on_a_continuous_measurement_or_is_refused_with_the_reason() {
    const LINE: &str = "127.0.0.1:9 --exporter 9464 --hlog logs";
    let spec = |line: &str| {
        let args = probe_args(line).unwrap();
        let spec = args.continuous_spec().unwrap();
        format!("{spec:?} {:?}", args.continuous)
    };
    let plain = spec(LINE);
    let command = Cli::command();
    let probe = command.find_subcommand("probe").unwrap();
    let options = probe.get_opts().filter_map(clap::Arg::get_long);
    let options: Vec<_> = options.collect();
    assert!(options.len() > 40, "{options:?}");
    for option in &options {
        if let Some((_, value)) = ACTING.iter().find(|(name, _)| name == option) {
            let others = LINE
                .replace("--exporter 9464", "")
                .replace("--hlog logs", "");
            let line = match *option {
                "exporter" => format!("{others} --hlog logs --exporter {value}"),
                "hlog" => format!("{others} --exporter 9464 --hlog {value}"),
                _ => format!("{LINE} --{option} {value}"),
            };
            // The mode is the only one there is.
            assert!(
                spec(&line) != plain || *option == "mode",
                "{option} is ignored"
            );
            continue;
        }
        if ["help", "stamp-key"].contains(option) {
            continue;
        }
        let arg = probe
            .get_arguments()
            .find(|arg| arg.get_long() == Some(option));
        let arg = arg.unwrap();
        let first_possible = arg
            .get_possible_values()
            .first()
            .map(|value| value.get_name().to_owned());
        let default = arg.get_default_values().first();
        let default = default.map(|value| value.to_string_lossy().into_owned());
        let listed = VALUES.iter().find(|(name, _)| name == option);
        let listed = listed.map(|(_, value)| (*value).to_owned());
        let takes_value = arg.get_action().takes_values();
        let value = listed
            .or(default)
            .or(first_possible)
            .unwrap_or_else(|| "p99 <= 1ms".to_owned());
        for continuous in ["--exporter=9464", "--hlog=logs"] {
            let mut words = vec!["fathom", "probe", "127.0.0.1:9", continuous];
            let given = match takes_value {
                true => format!("--{option}={value}"),
                false => format!("--{option}"),
            };
            words.push(&given);
            let error = Cli::try_parse_from(&words).expect_err(option);
            let error = help::with_suggestion(error);
            let text = error.to_string();
            assert_eq!(error.exit_code(), 2, "{text}");
            assert!(text.contains(&format!("--{option}")), "{option}: {text}");
            assert!(
                text.contains("tip: a continuous measurement"),
                "{option}: {text}"
            );
        }
    }
    for (option, _) in ACTING {
        assert!(options.contains(&option), "{option}");
    }
    let closed = probe_args(&format!("{LINE} --mode closed")).unwrap();
    let error = closed.continuous_spec().unwrap_err();
    assert!(
        error.exit_code() == 2 && error.to_string().contains("--mode"),
        "{error}"
    );
    let error = probe_args("127.0.0.1:9 --jitter 1s").unwrap_err();
    assert_eq!(error.exit_code(), 2);
}
