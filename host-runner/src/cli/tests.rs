//! Consistency of the whole command line.

use std::fs;
use std::path::Path;

use clap::CommandFactory as _;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// The lists of arguments in the files for Kubernetes.
#[test]
fn the_commands_of_containers_are_taken() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu/deploy/kubernetes");
    let mut commands = 0;
    for file in fs::read_dir(files).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for block in text.split("\n          args:\n").skip(1) {
            let lines = block.lines();
            let lines = lines.map_while(|line| line.strip_prefix("            - "));
            let arguments: Vec<&str> = std::iter::once("fathom").chain(lines).collect();
            if let Err(error) = Cli::try_parse_from(&arguments) {
                panic!("{arguments:?}: {error}");
            }
            commands += 1;
        }
    }
    assert_eq!(commands, 3);
}
