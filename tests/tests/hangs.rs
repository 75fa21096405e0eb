//! `fathom compare` of a guest that never gets ready, which takes as long as a boot may take and no CPU.
#![forbid(unsafe_code)]

use std::fs;

use serde_json::Value;
use tests::fathom::Call;
use tests::kernel;
use tests::qemu_lock::lock_qemu;
use tests::results::Results;

/// cli; hlt; and again, should anything wake it.
const HALT: [u8; 4] = [0xfa, 0xf4, 0xeb, 0xfd];

#[test]
fn a_kernel_that_hangs_is_given_up_and_the_others_go_on() {
    let lock = lock_qemu();
    let call = Call::new(
        "compare --accel tcg --mode closed --targets linux-guest:busy,null --repeat 2 --retries 0 --seed 1 \
         --duration 20ms --warmup 10ms --settle 0s --timeout 20s",
    );
    let (out, file) = (call.file("out"), call.file("kernel"));
    fs::write(&file, kernel::elf(&HALT)).unwrap();
    let call = call.with("--out", out).with("--kernel", &file);
    let outcome = call.finish(&lock);
    outcome.expect_failure(
        1,
        &[
            "given up: linux-guest:busy",
            "was not ready within 30000 ms",
        ],
    );
    let json = Results::read(&outcome.file("out")).json;
    let runs = json["runs"].as_array().unwrap().iter();
    let rounds: Vec<(&Value, &Value)> = runs.map(|run| (&run["target"], &run["round"])).collect();
    let null = Value::from("null");
    assert_eq!(rounds, [(&null, &1.into()), (&null, &2.into())]);
    let skipped = json["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    let reason = skipped[0]["reason"].as_str().unwrap();
    assert!(reason.contains("its console is empty"), "{reason}");
}
