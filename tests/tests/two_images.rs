//! Two images of one system in one comparison: each has its label, its bytes and its cost, and they are held against
//! each other. Images that were measured are kept by their digests, and can be named by them.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::artifacts;
use tests::fathom::{Call, Outcome};
use tests::qemu_lock::lock_qemu;
use tests::results::Results;

/// Number of digits that a target is called by whose image is named by its digest.
const SHORT: usize = 8;

/// A call of `fathom compare` of `targets` under TCG, in one round as short as can be.
fn call(targets: &str, arguments: &str) -> Call {
    let call = Call::new(&format!(
        "compare --accel tcg --mode closed --duration 50ms --warmup 10ms --settle 0s --timeout 20s --repeat 1 \
         --retries 0 {arguments}"
    ));
    call.with("--targets", targets)
}

fn entries<'j>(results: &'j Results, list: &str) -> &'j [Value] {
    results.json[list].as_array().map_or(&[], Vec::as_slice)
}

/// The digests of the kept images of a call in its own directory, in order.
fn kept(outcome: &Outcome) -> Vec<String> {
    let entries = fs::read_dir(outcome.file("results/images")).expect("images are kept");
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let digests = names.map(|name| name.strip_suffix(".elf").unwrap().to_owned());
    let mut digests: Vec<String> = digests.collect();
    digests.sort();
    digests
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[test]
fn two_images_of_one_system_are_two_targets_with_a_cost_each() {
    let lock = lock_qemu();
    let (old, new) = (artifacts::image(), artifacts::example("echo"));
    let targets = format!("hermit@new={},hermit@old={}", new.display(), old.display());
    let outcome = call(&targets, "").finish(&lock);
    let results = outcome.completed("results/latest");

    let mut digests = Vec::new();
    for (name, path) in [("hermit@new", &new), ("hermit@old", &old)] {
        let is_own = |value: &&Value| value["name"] == name;
        let run = entries(&results, "runs").iter().find(is_own).expect(name);
        assert_eq!(run["target"], name);
        assert_eq!(run["image_bytes"], size(path), "{run:#}");
        assert_eq!(run["image"]["bytes"], size(path), "{run:#}");
        digests.push(run["image"]["sha256"].as_str().unwrap().to_owned());
        let stem = format!("results/latest/{name}-vhost-user-closed-round-1");
        for file in [format!("{stem}.hlog"), format!("{stem}.hgrm")] {
            assert!(outcome.file(&file).exists(), "{file}");
        }
        let merged = entries(&results, "merged").iter().find(is_own).expect(name);
        let is_merged = merged["rounds"]
            .as_array()
            .is_some_and(|rounds| !rounds.is_empty());
        assert_eq!(merged["image"].is_object(), is_merged, "{merged:#}");
        let cost = entries(&results, "why").iter().find(is_own).expect(name);
        assert_eq!(cost["image_bytes"], size(path), "{cost:#}");
    }
    assert_ne!(digests[0], digests[1]);
    let counted = entries(&results, "why").iter();
    let counted = counted.filter(|cost| cost["instructions_per_echo"].is_f64());
    assert_eq!(counted.count(), 2);
    for comparison in entries(&results, "comparisons") {
        assert_eq!(comparison["name"], "hermit@new", "{comparison:#}");
        assert_eq!(comparison["baseline_name"], "hermit@old", "{comparison:#}");
    }
    let mut sorted = digests.clone();
    sorted.sort();
    assert_eq!(kept(&outcome), sorted);

    // By its digest, from where it was kept; other results keep nothing.
    let target = format!("hermit=sha256:{}", &digests[1][..12]);
    let again = call(&target, "--no-why --out out");
    let images = again.file("results/images");
    fs::create_dir_all(&images).unwrap();
    let name = format!("{}.elf", digests[1]);
    fs::copy(
        outcome.file("results/images").join(&name),
        images.join(&name),
    )
    .unwrap();
    let again = again.finish(&lock);
    let results = again.completed("out");
    let run = &entries(&results, "runs")[0];
    assert_eq!(run["name"], format!("hermit@{}", &digests[1][..SHORT]));
    assert_eq!(run["image"]["sha256"], digests[1]);
    assert_eq!(kept(&again), [digests[1].clone()]);
}

#[test]
fn an_image_that_is_not_there_is_a_mistake_in_the_call() {
    let lock = lock_qemu();
    for (targets, complaint) in [
        ("hermit@a=none.elf", "none.elf: No such file"),
        ("hermit=sha256:123456", "sha256:123456: no image"),
        ("hermit@a", "needs an image"),
        ("null=none.elf", "only hermit"),
    ] {
        let outcome = call(targets, "").finish(&lock);
        assert_eq!(outcome.code, Some(2), "{outcome:#?}");
        assert!(outcome.stderr.contains(complaint), "{outcome:#?}");
        assert!(!outcome.file("results").exists(), "{outcome:#?}");
    }
}
