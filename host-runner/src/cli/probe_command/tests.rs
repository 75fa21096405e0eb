use super::super::{Cli, Command};
use super::*;
use clap::Parser as _;

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
        "--protocol stamp",
    ] {
        let error = probe_args(&format!("127.0.0.1:9 {wrong}")).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{wrong}");
    }
}
