//! Snapshots for tests.

use super::heat_map::HeatMap;
use super::live_snapshot::{
    LiveObjective, LiveSnapshot, LiveStage, RequestFigures, Standing, WaitFigures, WindowFigures,
};
use crate::histogram::DurationHistogram;
use crate::record::ObjectiveState;
use crate::stats::windows::Windows;

/// Returns the samples of one second: two modes, the slower of which gets rarer, and a tail.
fn second(index: u64) -> DurationHistogram {
    let samples = (0..5000).map(|sample| match sample % 1000 {
        0 => 41_000 + 100 * index,
        part if part < 15 - index => 5_200,
        part => 600 + part / 12,
    });
    DurationHistogram::of_values(samples)
}

/// Returns a snapshot with something in every part.
pub fn snapshot() -> LiveSnapshot {
    let (mut windows, mut heat_map) = (Windows::default(), HeatMap::default());
    let mut whole = DurationHistogram::default();
    for index in 0..12 {
        heat_map.add(&second(index));
        whole.add_all(&second(index));
        windows.add(index * 1_000_000_000, whole.clone());
    }
    let mut figures = WindowFigures::of_each(&windows, None);
    figures[2].samples = 1_200_000;
    LiveSnapshot {
        title: "hermit over vhost-user".to_owned(),
        load: "open loop, 100k/s, Poisson arrivals, 64 bytes".to_owned(),
        stage: LiveStage::Measuring,
        elapsed_ns: 12_000_000_000,
        left_ns: Some(18_000_000_000),
        windows: figures,
        requests: RequestFigures {
            offered_rate: Some(100_000.0),
            achieved_rate: 99_912.0,
            sent: 1_200_000,
            lost: 0,
        },
        lateness: Some(figures[1]),
        waits: Some(WaitFigures {
            total_ns: 36_100_000,
            share: 0.003,
        }),
        standing: Standing {
            valid_to: Some("p99.9"),
            reasons: Vec::new(),
        },
        objectives: vec![
            LiveObjective {
                expression: "p99 <= 2us".to_owned(),
                state: ObjectiveState::Met,
                detail: "679 ns".to_owned(),
            },
            LiveObjective {
                expression: "p99.9 <= 5us".to_owned(),
                state: ObjectiveState::Undecided,
                detail: "needs 40,000 requests more".to_owned(),
            },
        ],
        heat_map,
        message: None,
    }
}

/// Returns the snapshot before anything was measured.
pub fn empty() -> LiveSnapshot {
    let full = snapshot();
    LiveSnapshot {
        stage: LiveStage::Booting,
        elapsed_ns: 0,
        left_ns: None,
        windows: [WindowFigures::default(); 3],
        requests: RequestFigures::default(),
        lateness: None,
        waits: None,
        standing: Standing::default(),
        objectives: Vec::new(),
        heat_map: HeatMap::default(),
        ..full
    }
}
