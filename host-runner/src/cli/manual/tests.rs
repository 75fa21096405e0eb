//! Manual pages and completions.

use super::*;

#[test]
fn every_command_that_users_see_has_a_page_with_its_options_and_examples() {
    let program = described();
    let names = names(&program);
    for name in ["fathom", "fathom-run", "fathom-image-new"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("man")), "{names:?}");
    let run = page(program.find_subcommand("run").unwrap().clone()).unwrap();
    for part in [
        ".TH fathom-run 1",
        ".SH SYNOPSIS\n\\fBfathom run\\fR [OPTIONS]",
        "\\-\\-duration",
        ".SH LOAD",
        ".SH EXAMPLES",
        "fathom run \\-\\-sweep",
        ".SH \"EXIT STATUS\"",
        "measurement invalid",
    ] {
        assert!(run.contains(part), "{part}:\n{run}");
    }
}

#[test]
fn every_shell_completes_commands_and_options() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut described(), PROGRAM, &mut script);
        let script = String::from_utf8(script).unwrap();
        assert_eq!(crate::terminal::escape(&script), script, "{shell}");
        for part in ["compare", "duration", "vhost-user"] {
            assert!(script.contains(part), "{shell}: {part}");
        }
    }
}
