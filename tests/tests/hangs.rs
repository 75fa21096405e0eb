//! `fathom compare` of a guest that never gets ready, which takes as long as a boot may take and no CPU.
#![forbid(unsafe_code)]

use std::fs;

use serde_json::Value;
use tests::fathom::Call;
use tests::results::Results;
use tests::turn::turn;

/// An ELF file that QEMU boots by its PVH note, and that halts at its first instruction.
fn halting_kernel() -> Vec<u8> {
    const ENTRY: u64 = 0x10_0000;
    const NOTE_AT: u64 = 64 + 2 * 56;
    const NOTE_LEN: u64 = 24;
    const CODE_AT: u64 = NOTE_AT + NOTE_LEN;
    // cli; hlt; and again, should anything wake it.
    const CODE: [u8; 4] = [0xfa, 0xf4, 0xeb, 0xfd];
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    // ET_EXEC, EM_X86_64, version.
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    // Entry, program headers, no section headers; flags.
    [ENTRY, 64, 0]
        .iter()
        .for_each(|word| elf.extend(word.to_le_bytes()));
    elf.extend([0; 4]);
    // Sizes and numbers: this header, two program headers, no section header.
    [64_u16, 56, 2, 64, 0, 0]
        .iter()
        .for_each(|half| elf.extend(half.to_le_bytes()));
    for (kind, at, address, len) in [
        (1_u32, CODE_AT, ENTRY, CODE.len() as u64),
        (4, NOTE_AT, 0, NOTE_LEN),
    ] {
        elf.extend(kind.to_le_bytes());
        // Readable and executable.
        elf.extend(5_u32.to_le_bytes());
        [at, address, address, len, len, 4]
            .iter()
            .for_each(|word| elf.extend(word.to_le_bytes()));
    }
    // XEN_ELFNOTE_PHYS32_ENTRY: lengths of name and value, type, name, value.
    [4_u32, 8, 18]
        .iter()
        .for_each(|word| elf.extend(word.to_le_bytes()));
    elf.extend(b"Xen\0");
    elf.extend(ENTRY.to_le_bytes());
    elf.extend(CODE);
    elf
}

#[test]
fn a_kernel_that_hangs_is_given_up_and_the_others_go_on() {
    let turn = turn();
    let call = Call::new(
        "compare --accel tcg --mode closed --targets linux-guest:busy,null --repeat 2 --retries 0 --seed 1 \
         --duration 20ms --warmup 10ms --settle 0s --timeout 20s",
    );
    let (out, kernel) = (call.file("out"), call.file("kernel"));
    fs::write(&kernel, halting_kernel()).unwrap();
    let call = call.with("--out", out).with("--kernel", &kernel);
    let outcome = call.finish(&turn);
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
