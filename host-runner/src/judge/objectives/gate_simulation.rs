//! Rates at which a relative limit passes a target that does not keep to it, by simulated boots.
//!
//! `make simulate` prints the table; a part of it is in the suite. The limit is "+5 % of the reference" at 95 %
//! confidence. Figures of boots scatter as in the simulation of verdicts (`stats/comparison/simulation.rs`); those of a
//! round are paired, or both sides are of another hour (apart).
//!
//! - false: share of gates that pass a target which is 6 % slower: at most 5 %;
//! - at the limit: the same of one that is exactly 5 % slower, the least favourable case;
//! - passed: of one that is as fast as the reference; claimed: share of those that are missed.

use super::bound::{Bound, Relative};
use super::evidence::Levels;
use super::evidence::relative::{Relation, of_boots};
use super::expression::Expression;
use super::figures::BootFigure;
use crate::random::SplitMix64;
use crate::record::ObjectiveState;

/// Chance of error of a gate.
const ALPHA: f64 = 0.05;

/// Scatter of boots.
#[derive(Clone, Copy, Debug)]
struct Boots {
    name: &'static str,
    /// Sigma of the logarithm.
    sigma: f64,
    /// True if that scatters like Student's t of two degrees of freedom.
    is_heavy: bool,
    /// Share of boots that somebody else spoils, to one to three times the level.
    spoilt: f64,
    /// Share of boots of a second kind, at three times the level.
    second: f64,
}

const fn boots(name: &'static str, sigma: f64) -> Boots {
    Boots {
        name,
        sigma,
        is_heavy: false,
        spoilt: 0.0,
        second: 0.0,
    }
}

const CALM: Boots = boots("move by 3 %", 0.03);

const CELLS: [Boots; 9] = [
    boots("move by 1 %", 0.01),
    CALM,
    boots("move by 10 %", 0.1),
    Boots {
        is_heavy: true,
        ..boots("3 %, heavy tails", 0.03)
    },
    Boots {
        is_heavy: true,
        ..boots("10 %, heavy tails", 0.1)
    },
    Boots {
        spoilt: 0.1,
        ..boots("a tenth spoilt", 0.03)
    },
    Boots {
        second: 0.1,
        ..boots("a tenth at 3x", 0.03)
    },
    Boots {
        second: 0.33,
        ..boots("a third at 3x", 0.03)
    },
    Boots {
        second: 0.5,
        ..boots("half at 3x", 0.03)
    },
];

const RELATIONS: [(Relation, &str); 2] =
    [(Relation::InTurns, "in turns"), (Relation::Apart, "apart")];

/// Scatter of what the boots of a round, made in turns, have in common.
const HOUR: f64 = 0.2;

struct Simulation(SplitMix64);

impl Simulation {
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.0.fraction()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.0.fraction()).cos()
    }

    fn boot(&mut self, boots: Boots, round: u32, level: f64) -> BootFigure {
        let mut scatter = self.normal();
        if boots.is_heavy {
            scatter /= (-(1.0 - self.0.fraction()).ln()).sqrt();
        }
        let mut value = level * (boots.sigma * scatter).exp();
        if self.0.happens(boots.spoilt) {
            value *= 1.0 + 2.0 * self.0.fraction();
        }
        if self.0.happens(boots.second) {
            value *= 3.0;
        }
        BootFigure {
            round,
            value,
            least: value,
            most: value,
            width: 0.001,
            count: 1_000_000,
        }
    }

    /// The outcome of a gate on a target whose level is `ratio` times its reference's.
    fn outcome(
        &mut self,
        boots: Boots,
        rounds: u32,
        relation: Relation,
        ratio: f64,
    ) -> ObjectiveState {
        let (mut target, mut baseline) = (Vec::new(), Vec::new());
        for round in 1..=rounds {
            let hour = match relation {
                Relation::InTurns => (HOUR * self.normal()).exp(),
                Relation::Apart => 1.0,
            };
            target.push(self.boot(boots, round, 50_000.0 * hour * ratio));
            baseline.push(self.boot(boots, round, 50_000.0 * hour));
        }
        let expression: Expression = "p99 <= +5% of baseline".parse().unwrap();
        let Bound::Relative(limit) = &expression.bound else {
            panic!("{expression:?}");
        };
        let levels = Levels {
            meet: ALPHA,
            miss: ALPHA,
        };
        let limit: &Relative = limit;
        of_boots(
            (expression.operator, limit),
            (&target, &baseline),
            relation,
            levels,
        )
        .state
    }

    /// Share of `count` gates with the outcome `state`.
    fn share(
        &mut self,
        state: ObjectiveState,
        case: (Boots, u32, Relation, f64),
        count: usize,
    ) -> f64 {
        let (boots, rounds, relation, ratio) = case;
        let is_so = (0..count).filter(|_| self.outcome(boots, rounds, relation, ratio) == state);
        is_so.count() as f64 / count as f64
    }
}

/// The table that the figures in `docs/method.md` are from.
#[test]
#[ignore = "minutes of simulation: `make simulate`"]
fn the_whole_table_of_gates() {
    const GATES: usize = 2000;
    println!("boots                            rounds   false  at the limit  passed  claimed");
    for cell in CELLS {
        for (relation, name) in RELATIONS {
            for rounds in [5, 7, 10] {
                let mut simulation = Simulation(SplitMix64(u64::from(rounds)));
                let mut percent = |state, ratio| {
                    100.0 * simulation.share(state, (cell, rounds, relation, ratio), GATES)
                };
                println!(
                    "{:<20} {name:<12} {rounds:>5} {:>6.1}% {:>12.1}% {:>6.1}% {:>7.1}%",
                    cell.name,
                    percent(ObjectiveState::Met, 1.06),
                    percent(ObjectiveState::Met, 1.05),
                    percent(ObjectiveState::Met, 1.0),
                    percent(ObjectiveState::Missed, 1.0),
                );
            }
        }
    }
}

/// A part of the table, with room for chance: three standard deviations of a share of so many gates.
#[test]
fn a_gate_passes_a_regression_no_more_often_than_stated() {
    const GATES: usize = 80;
    let room = 3.0 * (ALPHA * (1.0 - ALPHA) / GATES as f64).sqrt();
    for (relation, name) in RELATIONS {
        for rounds in [5, 7, 10] {
            let mut simulation = Simulation(SplitMix64(7 + u64::from(rounds)));
            let wrong =
                simulation.share(ObjectiveState::Met, (CALM, rounds, relation, 1.06), GATES);
            assert!(wrong <= ALPHA + room, "{name}, {rounds} rounds: {wrong}");
            let claimed =
                simulation.share(ObjectiveState::Missed, (CALM, rounds, relation, 1.0), GATES);
            assert!(
                claimed <= ALPHA + room,
                "{name}, {rounds} rounds: {claimed}"
            );
        }
        // Boots of two kinds: chance makes the one side's mostly of the one and the other's of the other.
        let two_kinds = CELLS[7];
        let mut simulation = Simulation(SplitMix64(5));
        let case = (two_kinds, 7, relation, 1.06);
        let wrong = simulation.share(ObjectiveState::Met, case, GATES);
        assert!(wrong <= ALPHA + room, "{name}, {two_kinds:?}: {wrong}");
        let mut simulation = Simulation(SplitMix64(3));
        let calm = boots("move by 1 %", 0.01);
        let passed = simulation.share(ObjectiveState::Met, (calm, 7, relation, 1.0), GATES);
        let missed = simulation.share(ObjectiveState::Missed, (calm, 7, relation, 1.2), GATES);
        assert!(passed > 0.95 && missed > 0.95, "{name}: {passed} {missed}");
    }
}
