//! Rates of false and of found change points, in simulated series of results with four percentiles.
//!
//! `make simulate` prints them for many series; a part of it is in the suite. Noise is normal, with a part that the
//! percentiles of a result have in common; or has the heavy tails of Student's t with three degrees of freedom.

use std::io::Write as _;

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::*;
use crate::random::SplitMix64;

/// Results of a series.
const LENGTH: usize = 50;

/// Percentiles of a result.
const COORDINATES: usize = 4;

/// Noise of a result.
#[derive(Clone, Copy, Debug)]
struct Noise {
    /// Standard deviation of each percentile's logarithm, or its like.
    sigma: f64,
    /// Share of the variance that all percentiles have in common.
    shared: f64,
    /// True for heavy tails.
    is_heavy: bool,
}

const CALM: Noise = Noise {
    sigma: 0.03,
    shared: 0.5,
    is_heavy: false,
};

impl Noise {
    fn draw(self, random: &mut SplitMix64) -> f64 {
        let place = random.fraction().clamp(1e-9, 1.0 - 1e-9);
        if self.is_heavy {
            // Its middle half is as wide as a normal distribution's.
            let of_three = StudentsT::new(0.0, 1.0, 3.0).unwrap();
            of_three.inverse_cdf(place) * 0.6745 / 0.7649
        } else {
            Normal::standard().inverse_cdf(place)
        }
    }

    /// A series of `count` results about `level`.
    fn series(
        self,
        count: usize,
        random: &mut SplitMix64,
        level: impl Fn(usize) -> f64,
    ) -> Vec<Vec<f64>> {
        let point = |index| {
            let shared = self.draw(random) * self.shared.sqrt();
            let own = (1.0 - self.shared).sqrt();
            let value = |_| level(index) + self.sigma * (shared + own * self.draw(random));
            (0..COORDINATES).map(value).collect()
        };
        (0..count).map(point).collect()
    }
}

/// Numbers of series with any false point, and of those with all true ones found.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    series: usize,
    any: usize,
    /// Series whose points are the true ones, each within two results.
    found: usize,
}

/// Series of 50 results to be simulated.
#[derive(Clone, Copy, Debug)]
struct Simulation {
    noise: Noise,
    series: usize,
    seed: u64,
    settings: Settings,
}

impl Simulation {
    /// Simulates so many series with the usual settings.
    fn new(noise: Noise, series: usize, seed: u64) -> Self {
        Self {
            noise,
            series,
            seed,
            settings: Settings::default(),
        }
    }

    /// Returns the same with fewer random orders, for the suite.
    fn quick(self) -> Self {
        let settings = Settings {
            permutations: 399,
            ..self.settings
        };
        Self { settings, ..self }
    }

    /// Returns the rates for series with `steps`: places, each with a size, up or down.
    fn rates(&self, steps: &dyn Fn(&mut SplitMix64) -> Vec<(usize, f64)>) -> Rates {
        let mut random = SplitMix64(self.seed);
        let mut rates = Rates {
            series: self.series,
            ..Rates::default()
        };
        for _ in 0..self.series {
            let steps = steps(&mut random);
            let level = |index| {
                let passed = steps.iter().filter(|(at, _)| *at <= index);
                passed.map(|(_, size)| size).sum()
            };
            let points = self.noise.series(LENGTH, &mut random, level);
            let found = find(&points, &self.settings);
            rates.any += usize::from(!found.is_empty());
            let is_near = |(at, _): &(usize, f64)| {
                let mut points = found.iter();
                points.any(|point| point.index.abs_diff(*at) <= 2)
            };
            let all = steps.iter().all(is_near) && found.len() == steps.len();
            rates.found += usize::from(all);
        }
        rates
    }

    /// Returns the number of series that have a change point with a spike of `size` `at` a place, and none there, within
    /// three results, without the spike: those with one at the spike, and those with one elsewhere.
    fn spikes(&self, size: f64, at: Place) -> (usize, usize) {
        let mut random = SplitMix64(self.seed);
        let mut caused = (0, 0);
        for _ in 0..self.series {
            let at = at(&mut random);
            let calm = self.noise.series(LENGTH, &mut random, |_| 0.0);
            let mut points = calm.clone();
            points[at].iter_mut().for_each(|value| *value += size);
            let found = find(&points, &self.settings);
            if found.is_empty() {
                continue;
            }
            let without = find(&calm, &self.settings);
            let is_new = |point: &ChangePoint| {
                let mut others = without.iter();
                others.all(|other| other.index.abs_diff(point.index) > 3)
            };
            let is_near = |point: &&ChangePoint| point.index.abs_diff(at) <= 3;
            let new = found.iter().filter(|point| is_new(point));
            let (near, far): (Vec<&ChangePoint>, Vec<&ChangePoint>) = new.partition(is_near);
            caused.0 += usize::from(!near.is_empty());
            caused.1 += usize::from(!far.is_empty());
        }
        caused
    }
}

/// Draws the place of a spike.
type Place = fn(&mut SplitMix64) -> usize;

/// Any place.
fn anywhere(random: &mut SplitMix64) -> usize {
    random.below(LENGTH)
}

/// One of the first or the last four places.
fn at_an_end(random: &mut SplitMix64) -> usize {
    (LENGTH - 4 + random.below(8)) % LENGTH
}

const FIVE_PERCENT: f64 = 0.048_79;

/// A step of 5 % up at a place with ten results or more on either side.
fn one_step(random: &mut SplitMix64) -> Vec<(usize, f64)> {
    vec![(10 + random.below(31), FIVE_PERCENT)]
}

/// Steps of 20 % up and down again, or further up, four results later.
fn two_steps(random: &mut SplitMix64, size: f64, back: f64) -> Vec<(usize, f64)> {
    let at = 10 + random.below(26);
    vec![(at, size), (at + 4, back)]
}

#[test]
fn series_without_a_change_have_none_and_steps_are_found() {
    let level = Simulation::new(CALM, 40, 1).quick();
    let level = level.rates(&|_| Vec::new());
    assert!(level.any <= 1, "{level:?}");
    let step = Simulation::new(CALM, 12, 2).quick().rates(&one_step);
    assert!(step.any >= 9, "{step:?}");
}

#[test]
fn lone_spikes_are_never_change_points() {
    let places: [(u64, f64, Place); 3] =
        [(3, 0.2, anywhere), (4, 3.0, anywhere), (5, 0.5, at_an_end)];
    for (seed, size, at) in places {
        let simulation = Simulation::new(CALM, 12, seed).quick();
        assert_eq!(simulation.spikes(size, at), (0, 0), "{size}");
    }
    // Among the very newest ones, in a long series.
    let mut points = CALM.series(100, &mut SplitMix64(5), |_| 0.0);
    points[98].fill(5.0);
    assert!(find(&points, &Settings::default()).is_empty());
}

#[test]
fn two_steps_four_results_apart_are_two() {
    for (seed, back) in [(6, -0.2), (7, 0.2)] {
        let simulation = Simulation::new(CALM, 5, seed).quick();
        let steps = simulation.rates(&|random| two_steps(random, 0.2, back));
        assert!(steps.found >= 4, "{steps:?}");
    }
}

/// Kinds of noise, with their names.
fn noises() -> [(&'static str, Noise); 3] {
    let correlated = Noise {
        shared: 0.95,
        ..CALM
    };
    let heavy = Noise {
        is_heavy: true,
        ..CALM
    };
    [
        ("normal", CALM),
        ("normal, in common", correlated),
        ("heavy tails", heavy),
    ]
}

/// Prints a line of the table.
fn print(what: &str, result: &str) {
    let _ = writeln!(std::io::stdout(), "{what:<56} {result}");
}

/// Prints a line of rates.
fn print_rates(what: &str, rates: Rates) {
    let percent = |count: usize| 100.0 * count as f64 / rates.series as f64;
    let (any, found) = (percent(rates.any), percent(rates.found));
    let result = format!("any {any:>5.1} %  exactly the true ones {found:>5.1} %");
    print(&format!("{what}, {} series", rates.series), &result);
}

#[test]
#[ignore = "takes minutes; `make simulate` runs it"]
fn simulation_table() {
    for (name, noise) in noises() {
        let of = |series, seed| Simulation::new(noise, series, seed);
        print_rates(
            &format!("{name}: no change"),
            of(2000, 11).rates(&|_| Vec::new()),
        );
        print_rates(
            &format!("{name}: step of 5 %"),
            of(500, 12).rates(&one_step),
        );
        let pulse = of(500, 15).rates(&|random| two_steps(random, 0.2, -0.2));
        print_rates(&format!("{name}: 20 % up, four later back"), pulse);
        let stairs = of(500, 16).rates(&|random| two_steps(random, 0.2, 0.2));
        print_rates(&format!("{name}: 20 % up, four later again"), stairs);
    }
}

#[test]
#[ignore = "takes minutes; `make simulate` runs it"]
fn simulation_of_lone_spikes() {
    for (name, noise) in noises() {
        for (words, factor) in [
            ("10 %", 1.1),
            ("30 %", 1.3),
            ("100 %", 2.0),
            ("10 times", 10.0),
        ] {
            for (place, at) in [("anywhere", anywhere as Place), ("at an end", at_an_end)] {
                let simulation = Simulation::new(noise, 2000, 13);
                let (near, far) = simulation.spikes(f64::ln(factor), at);
                let result = format!("{near} of 2000 series there, {far} elsewhere");
                print(&format!("{name}: lone spike of {words} {place}"), &result);
            }
        }
    }
}

/// The largest series that is expected takes seconds.
#[test]
#[ignore = "takes seconds; `make simulate` runs it"]
fn simulation_of_a_long_series() {
    let step = |index| if index < 300 { 0.0 } else { FIVE_PERCENT };
    let points = CALM.series(500, &mut SplitMix64(8), step);
    let begun = std::time::Instant::now();
    let found = find(&points, &Settings::default());
    print(
        "500 results",
        &format!("{:.1} s", begun.elapsed().as_secs_f64()),
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].index.abs_diff(300) <= 3, "{found:?}");
}
