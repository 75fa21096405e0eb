//! A target held against itself: in twenty comparisons a difference is claimed at most once. Real
//! boots and real noise, where `stats::comparison`'s own tests simulate both.
//!
//! The levels of the figures do not matter, and a slow or busy host only makes them vary more. A round
//! that it spoilt is left out, and a comparison with too few of them claims nothing.
#![forbid(unsafe_code)]

use tests::artifacts;
use tests::fathom::Call;
use tests::qemu_lock::lock_qemu;
use tests::results::Results;

/// Each on both links: twenty comparisons.
const CALLS: u64 = 10;
const LINKS: [&str; 2] = ["vhost-user", "unix"];

/// Number of them that must have the rounds to be judged, or nothing was shown.
const MIN_JUDGED: usize = 15;

/// Number of them that may claim a difference.
const MAX_CLAIMS: usize = 1;

/// Returns the outcomes of one comparison's percentiles: the codes, and the words.
fn verdicts(results: &Results, link: &str) -> Vec<(String, String)> {
    let comparisons = results.json["comparisons"].as_array();
    comparisons
        .into_iter()
        .flatten()
        .filter(|comparison| comparison["link"] == link)
        .map(|comparison| {
            assert_eq!(
                (&comparison["target"], &comparison["baseline"]),
                (&"hermit".into(), &"hermit-2".into())
            );
            let text = |key: &str| {
                comparison[key]
                    .as_str()
                    .expect("every verdict has it")
                    .to_owned()
            };
            (text("outcome"), text("verdict"))
        })
        .collect()
}

#[test]
#[ignore = "240 boots take three minutes at rest: `make alike`"]
fn twenty_comparisons_of_hermit_with_itself_claim_at_most_one_difference() {
    let lock = lock_qemu();
    let (mut judged, mut claims) = (0, Vec::new());
    for seed in 1..=CALLS {
        let call = Call::new(&format!(
            "compare --accel tcg --targets hermit,hermit --links {} --repeat 6 --retries 2 \
             --duration 100ms --warmup 50ms --settle 100ms --timeout 20s --seed {seed}",
            LINKS.join(",")
        ));
        let out = call.file("out");
        let outcome = call
            .with("--out", out)
            .with("--image", artifacts::image())
            .finish(&lock);
        // Invalid runs are the host's affair.
        let results = outcome.completed("out");
        let runs = results.json["runs"].as_array().map_or(0, Vec::len);
        assert!(runs >= 2 * 2 * 6, "{runs} runs");
        for link in LINKS {
            let verdicts = verdicts(&results, link);
            let is = |codes: &[&str]| verdicts.iter().any(|verdict| codes.contains(&&*verdict.0));
            judged += usize::from(is(&["lower", "higher", "no_difference"]));
            if is(&["lower", "higher"]) {
                let words: Vec<&str> = verdicts.iter().map(|verdict| &*verdict.1).collect();
                claims.push(format!("seed {seed} on {link}: {}", words.join(", ")));
            }
        }
    }
    let comparisons = CALLS as usize * LINKS.len();
    eprintln!(
        "{comparisons} comparisons, {judged} of them judged, {} claim a difference: {claims:#?}",
        claims.len()
    );
    assert!(claims.len() <= MAX_CLAIMS, "{claims:#?}");
    assert!(
        judged >= MIN_JUDGED,
        "{judged} of {comparisons} judged: the host spoils too many rounds, try it at rest"
    );
}
