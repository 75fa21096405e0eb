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

    /// Returns the number of series in which a spike of `size` at one place from `least` on is a change point, or
    /// helps one that was none without it.
    fn spikes(&self, least: usize, size: f64) -> usize {
        let mut random = SplitMix64(self.seed);
        let mut caused = 0;
        for _ in 0..self.series {
            let at = least + random.below(LENGTH - least);
            let mut points = self.noise.series(LENGTH, &mut random, |_| 0.0);
            let calm = points.clone();
            points[at].iter_mut().for_each(|value| *value += size);
            let is_near = |points: &[Vec<f64>]| {
                let found = find(points, &self.settings);
                found.iter().any(|point| point.index.abs_diff(at) <= 3)
            };
            caused += usize::from(is_near(&points) && !is_near(&calm));
        }
        caused
    }
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
    for (seed, size, least) in [(3, 0.2, 0), (4, 3.0, 0), (5, 0.5, 47)] {
        let simulation = Simulation::new(CALM, 12, seed).quick();
        assert_eq!(simulation.spikes(least, size), 0, "{size}");
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
    let correlated = Noise {
        shared: 0.95,
        ..CALM
    };
    let heavy = Noise {
        is_heavy: true,
        ..CALM
    };
    let noises = [
        ("normal", CALM),
        ("normal, in common", correlated),
        ("heavy tails", heavy),
    ];
    for (name, noise) in noises {
        let of = |series, seed| Simulation::new(noise, series, seed);
        print_rates(
            &format!("{name}: no change"),
            of(2000, 11).rates(&|_| Vec::new()),
        );
        print_rates(
            &format!("{name}: step of 5 %"),
            of(500, 12).rates(&one_step),
        );
        for (size, least) in [(0.1, 0), (0.5, 0), (3.0, 0), (0.2, 47), (3.0, 47)] {
            let count = of(1000, 13).spikes(least, size);
            let what = format!("{name}: lone spike of {size} from result {least} on");
            print(&what, &format!("{count} of 1000 series"));
        }
        let pulse = of(500, 15).rates(&|random| two_steps(random, 0.2, -0.2));
        print_rates(&format!("{name}: 20 % up, four later back"), pulse);
        let stairs = of(500, 16).rates(&|random| two_steps(random, 0.2, 0.2));
        print_rates(&format!("{name}: 20 % up, four later again"), stairs);
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
