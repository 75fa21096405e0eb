//! Continuous measurements of services in this process: restarts, lists that change, logs.

use std::fs;
use std::net::UdpSocket;

use super::*;
use crate::clock::patience_ns;
use crate::experiment::Interrupt;
use crate::experiment::progress::Silent;
use crate::load::{Arrivals, Limit, Mode, Rate};
use crate::stats::outcomes::Outcomes;

/// Answers as Fathom's service does until the test's process ends; the boot is `boot_id`.
fn service(boot_id: u32) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((len, client)) = socket.recv_from(&mut buffer) {
            let _ = wire::handle(&mut buffer[..len], boot_id, 1000, || 1500);
            let _ = socket.send_to(&buffer[..len], client);
        }
    });
    address
}

fn spec(addresses: &[&str]) -> TargetsSpec {
    TargetsSpec {
        addresses: addresses
            .iter()
            .map(|&address| address.to_owned())
            .collect(),
        list: None,
        client: ClientSpec {
            bind: None,
            interface: None,
            flows: 1,
            dscp: None,
        },
        plan: Plan {
            mode: Mode::Open {
                rate: Rate::per_second(500),
                arrivals: Arrivals::Poisson,
            },
            timeout_ns: 20_000_000_000,
            measure: Limit::lasting(u64::MAX),
            ..Plan::FIXTURE
        },
        jitter: Duration::ZERO,
        log: None,
        node: "here".to_owned(),
    }
}

/// Measures until `is_done` says so of the counts by target, or patience ends.
fn measure(
    spec: &TargetsSpec,
    reload: &AtomicBool,
    mut is_done: impl FnMut(&dyn Fn(&str) -> Option<Outcomes>) -> bool,
) -> RunningTotals {
    let totals = RunningTotals::default();
    let interrupt = Interrupt::default();
    let caller = Caller {
        interrupt: &interrupt,
        monitor: &Silent,
    };
    thread::scope(|scope| {
        let measured = scope.spawn(|| run(spec, &totals, reload, caller));
        let until_ns = patience_ns();
        let of = |target: &str| totals.lock().get(target).map(|total| total.outcomes);
        while !is_done(&of) && clock::now_ns() < until_ns && !measured.is_finished() {
            thread::sleep(Duration::from_millis(5));
        }
        interrupt.flag().store(true, Ordering::Relaxed);
        measured.join().unwrap().unwrap();
    });
    totals
}

#[test]
fn each_target_is_measured_and_one_that_nobody_serves_loses() {
    let some = service(7);
    let nobody = {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().to_string()
    };
    let mut spec = spec(&[&some, &nobody, &some]);
    spec.plan.timeout_ns = 50_000_000;
    let log = tempfile::tempdir().unwrap();
    spec.log = Some((log.path().join("log"), Duration::from_secs(3600)));
    let totals = measure(&spec, &AtomicBool::new(false), |of| {
        of(&some).is_some_and(|counts| counts.requests > 100)
            && of(&nobody).is_some_and(|counts| counts.lost + counts.not_sent > 100)
    });
    let totals = totals.lock();
    assert_eq!(totals.len(), 2);
    let (served, lost) = (&totals[&some], &totals[&nobody]);
    assert!(served.outcomes.requests > 100, "{:?}", served.outcomes);
    assert_eq!(lost.outcomes.replies, 0);
    assert!(
        lost.outcomes.lost + lost.outcomes.not_sent > 100,
        "{:?}",
        lost.outcomes
    );
    for total in totals.values() {
        let counts = &total.outcomes;
        let settled = counts.replies + counts.lost + counts.not_sent;
        assert_eq!(total.series.latency.count(), settled);
        assert_eq!(total.series.lateness.count(), counts.requests);
    }
    assert!(lost.series.latency.min_ns().unwrap() >= 50_000_000);
    // The log has the same samples: it is written at the end, too.
    let files: Vec<_> = fs::read_dir(log.path().join("log")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let text = fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
    assert!(text.contains(&format!("Tag={some}#path,")), "{text}");
    let counts = text
        .lines()
        .filter_map(|line| LogCounts::parse(line).unwrap());
    let counts: Vec<_> = counts.collect();
    let sent: u64 = totals.values().map(|total| total.outcomes.requests).sum();
    assert_eq!(counts.iter().map(|counts| counts.sent).sum::<u64>(), sent);
    let description = text
        .lines()
        .find_map(|line| LogDescription::parse(line).unwrap());
    assert_eq!(description.unwrap().node.as_deref(), Some("here"));
    let latency = text
        .lines()
        .filter(|line| line.starts_with(&format!("Tag={some},")));
    assert_eq!(latency.count(), 1, "{text}");
}

#[test]
fn the_list_is_read_again_and_what_is_wrong_in_it_changes_nothing() {
    let (first, second) = (service(1), service(2));
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("targets");
    fs::write(&list, format!("{first}\n")).unwrap();
    let reload = AtomicBool::new(false);
    let spec = TargetsSpec {
        list: Some(list.clone()),
        ..spec(&[])
    };
    let mut step = 0;
    let totals = measure(&spec, &reload, |of| {
        let is_measured = |target| of(target).is_some_and(|counts| counts.replies > 0);
        match step {
            0 if is_measured(&first) => fs::write(&list, "no address\n").unwrap(),
            1 if !reload.load(Ordering::Relaxed) => {
                fs::write(&list, format!("{second} # another\n")).unwrap();
            }
            2 if is_measured(&second) && of(&first).is_none() => return true,
            _ => return false,
        }
        step += 1;
        reload.store(true, Ordering::Relaxed);
        false
    });
    assert_eq!(step, 2);
    assert!(totals.lock().keys().eq([&second]));
}

#[test]
fn a_measurement_ends_by_itself_after_its_duration() {
    let some = service(7);
    let mut spec = spec(&[&some]);
    spec.plan.measure = Limit::lasting(1_200_000_000);
    let totals = measure(&spec, &AtomicBool::new(false), |_| false);
    let total = totals.lock()[&some].clone();
    // By the plan alone, whatever this host did meanwhile: nothing is in flight at the end.
    let counts = total.outcomes;
    assert_eq!(counts.requests, counts.replies + counts.lost);
    assert!(counts.requests > 300, "{counts:?}");
}

#[test]
fn there_is_a_target_or_an_error() {
    let totals = RunningTotals::default();
    let interrupt = Interrupt::default();
    let caller = Caller {
        interrupt: &interrupt,
        monitor: &Silent,
    };
    let error = run(&spec(&[]), &totals, &AtomicBool::new(false), caller).unwrap_err();
    assert!(error.to_string().contains("there is no target"), "{error}");
    let many: Vec<String> = (1..=MAX_TARGETS + 1)
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let many = TargetsSpec {
        addresses: many,
        ..spec(&[])
    };
    let error = run(&many, &totals, &AtomicBool::new(false), caller).unwrap_err();
    assert!(error.to_string().contains("too many"), "{error}");
}
