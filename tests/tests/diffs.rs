//! `fathom diff` on results of real boots: what is counted tells at once, latency only by rounds, and what answers
//! another question is refused.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::artifacts;
use tests::fathom::{Call, Outcome};
use tests::qemu_lock::{QemuLock, lock_qemu};

/// Results of a comparison in one round as short as can be, with what an echo costs.
fn measured(lock: &QemuLock, arguments: &str) -> Outcome {
    let call = Call::new(&format!(
        "compare --accel tcg --mode closed --duration 50ms --warmup 10ms --settle 0s --timeout 20s --repeat 1 \
         --retries 0 --links vhost-user {arguments}"
    ));
    let out = call.file("out");
    let outcome = call
        .with("--out", out)
        .with("--image", artifacts::image())
        .finish(lock);
    let _ = outcome.completed("out");
    outcome
}

fn diff(lock: &QemuLock, a: &Path, b: &Path, arguments: &str) -> Outcome {
    let call = Call::new("diff").with_argument(a).with_argument(b);
    let words = arguments.split_whitespace();
    words
        .fold(call, |call, word| call.with_argument(word))
        .finish(lock)
}

/// Returns the outcome of the figure `name`.
fn exact<'j>(json: &'j Value, name: &str) -> &'j Value {
    let findings = json["exact"].as_array().expect("exact[]");
    let finding = findings.iter().find(|finding| finding["figure"] == name);
    &finding.expect("a finding")["outcome"]
}

#[test]
fn smoltcp_in_place_of_the_reflector_is_found_by_its_instructions() {
    let lock = lock_qemu();
    let reflector = measured(&lock, "--targets hermit,null");
    let smoltcp = measured(&lock, "--targets hermit:smoltcp,null");
    let (a, b) = (reflector.file("out"), smoltcp.file("out"));

    // Who answers is a field of the question, which is overlooked here.
    diff(&lock, &a, &b, "").expect_failure(
        2,
        &["not comparable: responder none -> smoltcp; `--anyway responder`"],
    );
    let found = diff(&lock, &a, &b, "--anyway responder --github=on --json -");
    found.expect_failure(3, &["regression: instructions per echo of hermit"]);
    assert!(
        found
            .stderr
            .contains("compare --targets hermit:smoltcp,hermit "),
        "{found:#?}"
    );
    let json: Value = serde_json::from_str(&found.stdout).expect("JSON and nothing else");
    assert_eq!(json["schema"], "fathom-diff/1");
    assert_eq!(json["verdict"], "regression");
    assert_eq!(exact(&json, "instructions_per_echo"), "regression");
    assert_eq!(exact(&json, "image_bytes"), "no_regression");
    for finding in json["latency"].as_array().unwrap() {
        assert_eq!(finding["outcome"], "cannot_tell", "one round tells nothing");
    }
    assert!(found.stderr.contains("::error"), "{found:#?}");
    assert!(found.stderr.contains("not interleaved"), "{found:#?}");

    let back = diff(&lock, &b, &a, "--exact --anyway responder");
    assert_eq!(back.code, Some(0), "{back:#?}");
    assert!(back.stdout.contains("verdict     improvement"), "{back:#?}");

    let junit = reflector.place().join("junit.xml");
    let same = Call::new("diff --exact")
        .with_argument(&a)
        .with_argument(&a)
        .with("--junit", &junit);
    let same = same.finish(&lock);
    assert_eq!(same.code, Some(0), "{same:#?}");
    assert!(same.stdout.contains("no regression"), "{same:#?}");
    let junit = fs::read_to_string(&junit).unwrap();
    assert!(
        junit.contains("instructions per echo") && !junit.contains("<failure"),
        "{junit}"
    );
    // One round is too few for latency, and what is not known passes nothing.
    diff(&lock, &a, &a, "")
        .expect_failure(4, &["undecided: p50 of hermit on vhost-user, closed loop"]);
}

#[test]
fn another_question_is_refused_by_its_field_unless_that_is_overlooked() {
    let lock = lock_qemu();
    let reflector = measured(&lock, "--targets hermit --no-why");
    let longer = measured(&lock, "--targets hermit --no-why --payload 512");
    let (a, b) = (reflector.file("out"), longer.file("out"));
    let refused = diff(&lock, &a, &b, "");
    refused.expect_failure(
        2,
        &["not comparable: payload_bytes 64 -> 512; `--anyway payload_bytes`"],
    );
    let overlooked = diff(&lock, &a, &b, "--anyway payload_bytes --exact --json -");
    // Nobody counted instructions, and the size of an image is no evidence of what it costs.
    overlooked.expect_failure(4, &["undecided: instructions per echo of hermit"]);
    let json: Value = serde_json::from_str(&overlooked.stdout).unwrap();
    let field = &json["overlooked"][0];
    assert_eq!(
        (&field["field"], &field["from"], &field["to"]),
        (&"payload_bytes".into(), &"64".into(), &"512".into())
    );
    diff(&lock, &a, &b, "--anyway payload").expect_failure(2, &["there is no field of this name"]);
    diff(&lock, &a, &b, "--percentiles p98").expect_failure(2, &["p99.9"]);
    diff(&lock, &a, &a.join("nowhere"), "").expect_failure(1, &["nowhere/result.json"]);
}
