//! Rates of wrong verdicts, and of differences found, by simulated targets whose boots move as real ones do:
//! by a little, by heavy tails, because somebody else spoils one, because they are of two kinds, or because
//! the host has another hour. Each boot has its own share of slow requests besides.
//!
//! `make simulate` prints the table for a thousand comparisons a cell; a part of it is in the suite. Every
//! comparison is of one pair at p50, p90, p99 and p99.9, four tests, on histograms of 10,000 requests a boot.
//!
//! - A/A: comparisons of a target with itself in which any percentile claims a difference.
//! - found: comparisons of a target that is 20 % lower in which p50, and p99, is said to be lower.
//! - covered: intervals that hold the true ratio of the typical boots, the least of all four percentiles.
//! - wrong: comparisons with a claim of the wrong sign, at the percentile that has most of them.
//!
//! The typical boot of two kinds is one of the more frequent kind. In the last cells, where the target has
//! boots of two kinds and the baseline one between them, the ratio of geometric means is printed besides: up
//! to a third of bad boots both say that the target is lower, at 40 % they differ.
//!
//! Three other methods were simulated for the choice, found p50 and p99 in percent of 300 comparisons a cell:
//! a block bootstrap of merged percentiles, cut down by the Mann-Whitney interval of the boots' own, as
//! versions before had it; and Student's t of the log ratios, by Holm's procedure as here. The exact sign-flip
//! permutation can say nothing of fewer than eight rounds, nor of ten with more than six pairs, and finds no
//! more than Student's t elsewhere (39 against 41 % at p99 with ten rounds that move by 5 %).
//!
//! | boots, rounds | 5 | 7 | 10 | by Student's t: 5 | 7 | 10 |
//! |---|---|---|---|---|---|---|
//! | move by 5 % | 85, 5 | 100, 14 | 100, 32 | 95, 21 | 100, 35 | 100, 56 |
//! | move by 10 % | 28, 4 | 64, 9 | 90, 25 | 44, 15 | 73, 26 | 93, 48 |
//! | move by 30 % | 4, 1 | 4, 3 | 7, 5 | 8, 6 | 7, 6 | 13, 12 |
//! | 5 %, heavy tails | 39, 3 | 68, 16 | 91, 26 | 46, 16 | 71, 28 | 85, 43 |
//! | 10 %, heavy tails | 11, 2 | 27, 6 | 46, 14 | 15, 7 | 28, 16 | 44, 27 |
//! | a tenth spoilt | 51, 2 | 57, 11 | 81, 16 | 43, 12 | 41, 20 | 45, 26 |
//! | a third at 3x | 11, 0 | 12, 0 | 14, 4 | 5, 1 | 2, 2 | 7, 6 |
//! | half at 3x | 5, 0 | 5, 1 | 12, 3 | 2, 1 | 3, 4 | 7, 7 |
//! | hours move by 20 % | 75, 5 | 93, 7 | 100, 23 | 96, 21 | 100, 35 | 100, 56 |
//!
//! The bootstrap said a wrong sign in 9 and 19 % of comparisons of boots of two kinds against one (25 and 33 %
//! at 3x, ten rounds, p90), where merged percentiles and boots tell different things.

use statrs::distribution::{ContinuousCDF, Normal};

use super::tests::rounds;
use super::*;
use crate::histogram::DurationHistogram;
use crate::random::SplitMix64;

/// Requests of a boot.
const REQUESTS: usize = 10_000;

/// The level of a boot, in nanoseconds.
const LEVEL_NS: f64 = 50_000.0;

/// The percentiles that are compared.
const COMPARED: usize = 4;

/// Scatter of a target's boots.
#[derive(Clone, Copy, Debug)]
struct Boots {
    /// Sigma of the logarithm of the level.
    sigma: f64,
    /// True if that scatters like Student's t of two degrees of freedom.
    is_heavy: bool,
    /// Share of boots that somebody else spoils, to one to three times the level.
    spoilt: f64,
    /// Share of boots of a second kind.
    second: f64,
    /// Level of the second kind in units of the first's.
    factor: f64,
    /// Sigma of the logarithm of what both targets of a round have in common.
    shared: f64,
}

const CALM: Boots = Boots {
    sigma: 0.05,
    is_heavy: false,
    spoilt: 0.0,
    second: 0.0,
    factor: 3.0,
    shared: 0.0,
};

/// Two targets that are compared.
#[derive(Clone, Copy, Debug)]
struct Cell {
    name: &'static str,
    target: Boots,
    baseline: Boots,
    /// The ratio of the levels, baseline by target.
    ratio: f64,
}

impl Cell {
    const fn same(name: &'static str, boots: Boots) -> Self {
        Self {
            name,
            target: boots,
            baseline: boots,
            ratio: 1.0,
        }
    }

    const fn two_kinds_against_one(name: &'static str, second: f64) -> Self {
        Self {
            name,
            target: Boots { second, ..CALM },
            baseline: CALM,
            ratio: 1.5,
        }
    }
}

/// Boots of both targets scatter alike.
const ALIKE: [Cell; 9] = [
    Cell::same("move by 5 %", CALM),
    Cell::same("move by 10 %", Boots { sigma: 0.1, ..CALM }),
    Cell::same("move by 30 %", Boots { sigma: 0.3, ..CALM }),
    Cell::same(
        "5 %, heavy tails",
        Boots {
            is_heavy: true,
            ..CALM
        },
    ),
    Cell::same(
        "10 %, heavy tails",
        Boots {
            is_heavy: true,
            sigma: 0.1,
            ..CALM
        },
    ),
    Cell::same(
        "a tenth spoilt",
        Boots {
            spoilt: 0.1,
            ..CALM
        },
    ),
    Cell::same(
        "a third at 3x",
        Boots {
            second: 0.33,
            ..CALM
        },
    ),
    Cell::same(
        "half at 3x",
        Boots {
            second: 0.5,
            ..CALM
        },
    ),
    Cell::same(
        "hours move by 20 %",
        Boots {
            shared: 0.2,
            ..CALM
        },
    ),
];

/// Boots of two kinds against boots of one kind between them.
const UNLIKE: [Cell; 3] = [
    Cell::two_kinds_against_one("25 % at 3x, 1.5x", 0.25),
    Cell::two_kinds_against_one("33 % at 3x, 1.5x", 0.333),
    Cell::two_kinds_against_one("40 % at 3x, 1.5x", 0.4),
];

/// Makes boots of latencies: most near the level, some a few times as long, rarely many times.
struct Simulation {
    body: Vec<f64>,
    random: SplitMix64,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let normal = Normal::new(0.0, 0.1).unwrap();
        let places = 1 << 14;
        let place = |index: u32| (f64::from(index) + 0.5) / f64::from(places);
        Self {
            body: (0..places)
                .map(|index| normal.inverse_cdf(place(index)).exp())
                .collect(),
            random: SplitMix64(seed),
        }
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random.fraction()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random.fraction()).cos()
    }

    fn boot(&mut self, level_ns: f64, boots: Boots) -> Distribution {
        let mut scatter = self.normal();
        if boots.is_heavy {
            scatter /= (-(1.0 - self.random.fraction()).ln()).sqrt();
        }
        let mut level_ns = level_ns * (boots.sigma * scatter).exp();
        if self.random.happens(boots.spoilt) {
            level_ns *= 1.0 + 2.0 * self.random.fraction();
        }
        if self.random.happens(boots.second) {
            level_ns *= boots.factor;
        }
        let slow = 0.02 * (0.3 * self.normal()).exp();
        let mut durations = DurationHistogram::default();
        for _ in 0..REQUESTS {
            let mut ns = level_ns * self.body[self.random.below(self.body.len())];
            if self.random.happens(slow) {
                ns *= (1.0 - self.random.fraction()).powf(-0.5) * 2.0;
            }
            durations.record(ns as u64);
        }
        Distribution::from(&durations)
    }

    /// A comparison in so many rounds, with the target's level times `shift`.
    fn compare(&mut self, cell: Cell, count: usize, shift: f64) -> Vec<Difference> {
        let boots: Vec<_> = (0..count)
            .map(|_| {
                let hour = (cell.target.shared * self.normal()).exp();
                let target = self.boot(LEVEL_NS * hour * shift, cell.target);
                let baseline = self.boot(LEVEL_NS * hour * cell.ratio, cell.baseline);
                (target, baseline)
            })
            .collect();
        let boots: Vec<_> = boots.iter().map(|(a, b)| (a, b)).collect();
        let differences = super::compare(&[rounds(&boots)]).remove(0);
        assert_eq!(differences.len(), COMPARED);
        differences
    }
}

/// Outcomes of the comparisons of a cell, in shares of them.
#[derive(Clone, Copy, Debug, Default)]
struct Shares {
    claims: f64,
    found: [f64; COMPARED],
    covered: [f64; COMPARED],
    lower: [f64; COMPARED],
    higher: [f64; COMPARED],
}

impl Shares {
    /// Of `comparisons` with a true ratio of `ratio`, whose targets are at `shift` times the level.
    fn of(cell: Cell, rounds: usize, shift: f64, ratio: f64, comparisons: usize) -> Self {
        let mut simulation = Simulation::new(rounds as u64);
        let mut shares = Self::default();
        let one = 1.0 / comparisons as f64;
        for _ in 0..comparisons {
            let differences = simulation.compare(cell, rounds, shift);
            let is_claim = |difference: &Difference| difference.outcome != Verdict::NoDifference;
            shares.claims += one * f64::from(differences.iter().any(is_claim));
            for (index, difference) in differences.iter().enumerate() {
                let add = |share: &mut f64, is_so: bool| *share += one * f64::from(is_so);
                let (low, high) = difference.interval.unwrap();
                let range = low.unwrap()..=high.unwrap();
                add(&mut shares.covered[index], range.contains(&ratio));
                add(
                    &mut shares.lower[index],
                    difference.outcome == Verdict::Lower,
                );
                add(
                    &mut shares.higher[index],
                    difference.outcome == Verdict::Higher,
                );
            }
        }
        shares.found = shares.lower;
        shares
    }

    fn least_covered(&self) -> f64 {
        self.covered.iter().copied().fold(1.0, f64::min)
    }
}

fn most(shares: &[f64]) -> f64 {
    shares.iter().copied().fold(0.0, f64::max)
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

/// The table that the figures in `docs/comparing.md` are from.
#[test]
#[ignore = "minutes of simulation: `make simulate`"]
fn the_whole_table() {
    const COMPARISONS: usize = 1000;
    println!("boots                rounds    A/A  found: p50   p99  covered  wrong");
    for cell in ALIKE {
        for rounds in [5, 7, 10] {
            let same = Shares::of(cell, rounds, 1.0, 1.0, COMPARISONS);
            let lower = Shares::of(cell, rounds, 0.8, 0.8, COMPARISONS);
            println!(
                "{:<20} {rounds:>6} {:>5.1}% {:>9.1}% {:>4.1}% {:>7.1}% {:>5.1}%",
                cell.name,
                percent(same.claims),
                percent(lower.found[0]),
                percent(lower.found[2]),
                percent(lower.least_covered().min(same.least_covered())),
                percent(most(&lower.higher)),
            );
        }
    }
    println!(
        "\nboots of two kinds against one kind: claims at the percentile that has most of them"
    );
    println!("target, baseline     rounds  lower  higher  geometric mean ratio");
    for cell in UNLIKE {
        for rounds in [5, 7, 10] {
            let typical = 1.0 / cell.ratio;
            let shares = Shares::of(cell, rounds, 1.0, typical, COMPARISONS);
            println!(
                "{:<20} {rounds:>6} {:>5.1}% {:>6.1}%  {:.2}",
                cell.name,
                percent(most(&shares.lower)),
                percent(most(&shares.higher)),
                typical * cell.target.factor.powf(cell.target.second),
            );
        }
    }
}

/// A part of the table, with room for chance: three standard deviations of a share of so many comparisons.
#[test]
fn verdicts_are_as_seldom_wrong_and_find_as_much_as_the_table_says() {
    const COMPARISONS: usize = 60;
    let deviation = |share: f64| (share * (1.0 - share) / COMPARISONS as f64).sqrt();
    let [calm, .., third, _, hours] = ALIKE;
    for (cell, rounds, least_found) in [(calm, 5, 0.9), (third, 7, 0.0), (hours, 7, 0.95)] {
        let same = Shares::of(cell, rounds, 1.0, 1.0, COMPARISONS);
        let most_claims = 0.05 + 3.0 * deviation(0.05);
        assert!(same.claims <= most_claims, "{cell:?}: {}", same.claims);
        let lower = Shares::of(cell, rounds, 0.8, 0.8, COMPARISONS);
        let least_covered = 0.95 - 3.0 * deviation(0.95);
        assert!(
            lower.least_covered() >= least_covered,
            "{cell:?}: {:?}",
            lower.covered
        );
        let least_found = least_found - 3.0 * deviation(least_found);
        assert!(lower.found[0] >= least_found, "{cell:?}: {:?}", lower.found);
        assert!(
            most(&lower.higher) <= 0.025 + 3.0 * deviation(0.025),
            "{cell:?}"
        );
    }
    // A quarter of the boots is at three times the level, all of the others' at one and a half: a typical
    // boot is lower, and so is the geometric mean.
    let unlike = Shares::of(UNLIKE[0], 10, 1.0, 1.0 / 1.5, COMPARISONS);
    assert!(
        most(&unlike.higher) <= 0.025 + 3.0 * deviation(0.025),
        "{unlike:?}"
    );
}
