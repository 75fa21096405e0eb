//! Files with the content of requests and replies.

use wire::HEADER_LEN;

use super::*;
use crate::cli::args::RunArgs;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    run: RunArgs,
}

fn run_args(line: &str) -> RunArgs {
    let words = std::iter::once("run").chain(line.split_whitespace());
    <Line as clap::Parser>::parse_from(words).run
}

/// Returns the plan that `fathom run` makes of files with these bytes.
fn plan(request: &[u8], expect: Option<&[u8]>) -> Result<Plan, String> {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut line = format!("--request {}", write("request", request));
    if let Some(expect) = expect {
        line += &format!(" --expect {}", write("expect", expect));
    }
    let args: RunArgs = run_args(&line);
    let spec = args.spec().map_err(|error| error.with_causes());
    spec.map(|spec| spec.plan)
}

#[test]
fn requests_carry_the_files_bytes() {
    let plan = plan(b"abc", Some(b"AB")).unwrap();
    assert_eq!(plan.payload_len, HEADER_LEN + 3);
    let content = plan.content.unwrap();
    assert_eq!(
        (content.request, content.reply),
        (&b"abc"[..], Some(&b"AB"[..]))
    );
}

#[test]
fn files_that_make_no_request_are_refused_and_named() {
    for (request, expect, option, reason) in [
        (vec![], None, "--request", "is empty"),
        (vec![1; 9145], None, "--request", "9145 bytes do not fit"),
        (vec![1; 4], Some(vec![1; 5]), "--expect", "never longer"),
    ] {
        let error = plan(&request, expect.as_deref()).unwrap_err();
        assert!(
            error.starts_with(option) && error.contains(reason),
            "{error}"
        );
    }
    let missing: RunArgs = run_args("--request /nowhere/at/all");
    let error = missing.spec().unwrap_err();
    assert!(error.with_causes().contains("/nowhere/at/all"));
    assert_eq!(error.exit_code(), 2);
    assert!(plan(&[1; 1428], Some(&[])).is_ok());
    let error = plan(&[1; 1429], None).unwrap_err();
    assert!(error.contains("44 to 1472"), "{error}");
}
