//! Rates of wrong verdicts, and of regressions found, by simulated results of hosts that move between them.
//!
//! Boots of one result scatter by 4 %. From one result to the next the host moves by 6 %, `null` as far as the host,
//! and the unikernel between not at all and as far. `make simulate` prints the table.

use super::*;

/// Boots of one image scatter by so much.
const SIGMA: f64 = 0.04;

/// A host moves by so much between two results.
const HOST: f64 = 0.06;

/// Outcomes of so many differences, in shares of them.
#[derive(Clone, Copy, Debug, Default)]
struct Shares {
    regression: f64,
    improvement: f64,
    passed: f64,
}

impl Shares {
    /// Of `tries` differences between images, the second of which is slower by the factor `slower`.
    fn of(rounds: u32, slower: f64, tries: u32) -> Self {
        let mut random = Boots(SplitMix64(u64::from(rounds)));
        let mut shares = Self::default();
        let one = 1.0 / f64::from(tries);
        for _ in 0..tries {
            let host = HOST * random.normal();
            let share = random.0.fraction();
            let a = Measured {
                rounds,
                sigma: SIGMA,
                seed: random.0.next_u64(),
                ..USUAL
            };
            let b = Measured {
                hermit_ns: a.hermit_ns * slower * (share * host).exp(),
                null_ns: a.null_ns.map(|ns| ns * host.exp()),
                seed: random.0.next_u64(),
                ..a
            };
            // Those that are judged, and none to be looked at.
            let spec = DiffSpec {
                percentiles: ["p50", "p99"].map(str::to_owned).to_vec(),
                ..DiffSpec::default()
            };
            match held(&a.source(), &b.source(), &spec).verdict {
                Outcome::Regression => shares.regression += one,
                Outcome::Improvement => shares.improvement += one,
                Outcome::NoRegression => shares.passed += one,
                Outcome::CannotTell => {}
            }
        }
        shares
    }
}

#[test]
fn an_image_never_differs_from_itself_in_twenty_tries_and_a_slow_one_does() {
    let same = Shares::of(7, 1.0, 20);
    assert_eq!((same.regression, same.improvement), (0.0, 0.0), "{same:?}");
    let slow = Shares::of(7, 1.6, 5);
    assert!(slow.regression > 0.99, "{slow:?}");
}

#[test]
fn a_regression_beyond_the_margin_passes_seldom() {
    // One in twenty, with room for chance: three standard deviations.
    let slower = Shares::of(5, 1.1, 10);
    assert!(
        slower.passed <= 0.05 + 3.0 * (0.05_f64 * 0.95 / 10.0).sqrt(),
        "{slower:?}"
    );
    assert_eq!(slower.improvement, 0.0, "{slower:?}");
}

/// The table that the figures in `docs/comparing.md` are from.
#[test]
#[ignore = "minutes of simulation: `make simulate`"]
fn the_whole_table_of_differences() {
    const TRIES: u32 = 300;
    println!("slower by  rounds  regression  improvement  no regression  cannot tell");
    for slower in [1.0, 1.06, 1.1, 1.2, 1.5] {
        for rounds in [5, 7, 10] {
            let shares = Shares::of(rounds, slower, TRIES);
            let undecided = 1.0 - shares.regression - shares.improvement - shares.passed;
            let percent = [
                shares.regression,
                shares.improvement,
                shares.passed,
                undecided,
            ];
            let percent = percent.map(|share| format!("{:.1} %", 100.0 * share));
            println!(
                "{:>7.0} %  {rounds:>6}  {:>10}  {:>11}  {:>13}  {:>11}",
                100.0 * (slower - 1.0),
                percent[0],
                percent[1],
                percent[2],
                percent[3]
            );
        }
    }
}
