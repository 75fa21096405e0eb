//! A sweep on virtual time, of a generator that takes its time to send in one step.

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;

use wire::Header;

use super::super::super::tests::facts;
use super::*;
use crate::link::{Link, LinkError, Received, Sent};
use crate::load::fake::{Answer, BOOT_ID, FakeLink, VirtualClock, reply};
use crate::load::{self, Limit, LoadContext, Progress};
use crate::stats::RunRecorder;

/// The answers to a request.
type Service = fn(&Header, &[u8]) -> Vec<Answer>;

/// A link that polls, on virtual time, and takes `send_ns` to send.
struct Sending {
    send_ns: u64,
    link: FakeLink<Service>,
}

impl Link for Sending {
    fn name(&self) -> &'static str {
        self.link.name()
    }

    fn is_polled(&self) -> bool {
        true
    }

    fn send(&mut self, datagram: &[u8]) -> Result<Sent, LinkError> {
        let sent = self.link.send(datagram);
        let now_ns = self.link.clock.now_ns();
        self.link.clock.advance_to(now_ns + self.send_ns);
        sent
    }

    fn receive(&mut self, buffer: &mut [u8], until_ns: u64) -> Result<Option<Received>, LinkError> {
        self.link.receive(buffer, until_ns)
    }
}

/// Measures by `plan` on virtual time, with a link that takes `send_ns` to send.
fn on_virtual_time(plan: &Plan, position: RunPosition, send_ns: u64) -> (Run, Measured) {
    let clock = VirtualClock::default();
    let answer: Service = |_, request| vec![(20_000, reply(request))];
    let plan = &Plan {
        warmup: Limit::NOTHING,
        measure: Limit::requests(3_000),
        ..*plan
    };
    let mut recorder = RunRecorder::new(plan);
    let context = LoadContext {
        link: &mut Sending {
            send_ns,
            link: FakeLink::new(&clock, answer),
        },
        observer: &mut recorder,
        now_ns: || clock.now_ns(),
        cancel: &AtomicBool::new(false),
        check: |_: &Progress| Ok::<(), Infallible>(()),
    };
    let (tally, _) = load::run(plan, Some(BOOT_ID), context);
    recorder.end(tally.sending_ns);
    let (_, measured) = measurement(plan, position, 1000, Ended::Completed);
    let measured = Measured {
        tally,
        recorder,
        ..measured
    };
    (measured.record(facts(plan, position)), measured)
}

#[test]
fn a_step_of_a_generator_that_was_slow_at_first_is_late_and_measured_again() {
    let dir = tempfile::tempdir().unwrap();
    let results = InDirectory::create(dir.path());
    let mut rates = Vec::new();
    let mut runs = runs(&results);
    runs.measure(&PLAN, Some(LADDER), |plan, position| {
        let Mode::Open { rate, .. } = plan.mode else {
            return measurement(plan, position, 50_000, Ended::Completed);
        };
        let is_disturbed = rate.as_f64() == 15_000.0 && !rates.contains(&15_000);
        rates.push(rate.as_f64() as u64);
        on_virtual_time(plan, position, if is_disturbed { 40_000 } else { 100 })
    });
    assert_eq!(rates.len(), 11);
    assert_eq!(rates[10], 15_000);
    let run = step(&runs.runs, 30);
    assert_eq!(kept(run), [false, true]);
    let state = |attempt: &Attempt| attempt.percentiles["p90"].state;
    assert_eq!(
        run.attempts.iter().map(state).collect::<Vec<_>>(),
        [State::Late, State::Clean]
    );
    assert_eq!(run.sent, 3_000);
}
