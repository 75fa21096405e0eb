//! Frames that are no answer, without end.

use std::convert::Infallible;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::net::sockopt;

use super::*;
use crate::load::{self, Ending, Failure, Limit, LoadContext, Mode, Plan, Progress, Rate, Tally};
use crate::stats::RunRecorder;

/// For how long a flood goes on at most: an end to a test that fails.
const FLOOD: Duration = Duration::from_secs(20);

/// Someone who sends frames that are no answer as fast as they are taken, until it is dropped.
struct Flood {
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
}

impl Flood {
    /// Sends `frame` to the other end of `socket`.
    fn start(socket: OwnedFd, frame: Vec<u8>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        // Waits for room, so that there is always another one, but not when nobody reads any more.
        let patience = Some(Duration::from_millis(20));
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, patience).unwrap();
        let sender = thread::spawn(move || {
            let began = Instant::now();
            while !stopped.load(Ordering::Relaxed) && began.elapsed() < FLOOD {
                // An error is that there was no room for long, or nobody there any more.
                let _ = rustix::net::send(&socket, &frame, rustix::net::SendFlags::NOSIGNAL);
            }
        });
        Self {
            stop,
            sender: Some(sender),
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.sender.take().map(JoinHandle::join);
    }
}

/// A link to nobody whose other end sends frames of ethertype 0x1234, or frames to the flow that are
/// damaged, without end.
fn flooded(is_damaged: bool) -> (EthernetLink<FrameSocket>, Flood) {
    let (frames, theirs) = FrameSocket::pair(crate::link::Mtu::ETHERNET).unwrap();
    let ready = ready();
    let neighbour = neighbour_of(&ready);
    let flow = Flow {
        own_mac: OWN_MAC,
        peer_mac: GUEST_MAC,
        own: SocketAddr::new(neighbour.ip.unwrap().address.into(), OWN_PORT),
        peer: SocketAddr::new(ready.ip.unwrap().address.into(), 9000),
    };
    let mut frame = vec![0; MAX_FRAME];
    if is_damaged {
        let len = flow
            .reversed()
            .build((&mut frame[..]).try_into().unwrap(), &[7; 64]);
        frame.truncate(len.unwrap());
        *frame.last_mut().unwrap() ^= 1;
        assert_eq!(flow.parse(&frame), Parsed::Damaged);
    } else {
        frame.truncate(60);
        frame[12..14].copy_from_slice(&[0x12, 0x34]);
        assert_eq!(flow.parse(&frame), Parsed::Other);
    }
    let flood = Flood::start(theirs, frame);
    (EthernetLink::between(frames, neighbour, flow), flood)
}

#[test]
fn frames_that_are_no_answer_keep_nobody_beyond_the_deadline() {
    for is_damaged in [false, true] {
        let (mut link, flood) = flooded(is_damaged);
        let deadline_ns = crate::clock::now_ns() + 20_000_000;
        assert_eq!(link.receive(&mut [0; 1500], deadline_ns).unwrap(), None);
        assert!(crate::clock::now_ns() >= deadline_ns);
        // Nor does asking without waiting take long.
        assert_eq!(link.receive(&mut [0; 1500], 0).unwrap(), None);
        let sender = flood.sender.as_ref().unwrap();
        assert!(!sender.is_finished(), "it went on all the while");
    }
}

/// Measures an answerless service in a flood of other frames until `cancel` says so.
fn measure_in_a_flood(
    mode: Mode,
    cancel: &AtomicBool,
    count: u64,
) -> (Tally, Ending<Failure<Infallible>>) {
    let (mut link, flood) = flooded(false);
    let plan = Plan {
        mode,
        timeout_ns: 5_000_000,
        measure: Limit::requests(count),
        ..Plan::FIXTURE
    };
    let context = LoadContext {
        link: &mut link,
        observer: &mut RunRecorder::new(&plan),
        now_ns: crate::clock::now_ns,
        cancel,
        check: |_: &Progress| Ok::<_, Infallible>(()),
    };
    let measured = load::run(&plan, None, context);
    let sender = flood.sender.as_ref().unwrap();
    assert!(!sender.is_finished(), "it went on all the while");
    measured
}

#[test]
fn a_flood_stops_neither_the_clock_nor_whoever_ends_the_run() {
    let depth = NonZeroU16::new(4).unwrap();
    let open = Mode::Open {
        arrivals: crate::load::Arrivals::Even,
        rate: Rate::per_second(1000),
    };
    for mode in [Mode::Closed, open, Mode::Pipeline { depth }] {
        let (tally, ending) = measure_in_a_flood(mode, &AtomicBool::new(false), 4);
        assert!(matches!(ending, Ending::Completed), "{mode:?}: {ending:?}");
        assert_eq!((tally.sent, tally.lost), (4, 4), "{mode:?}");
        let cancel = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                cancel.store(true, Ordering::Relaxed);
            });
            let (_, ending) = measure_in_a_flood(mode, &cancel, u64::MAX);
            assert!(
                matches!(ending, Ending::Interrupted),
                "{mode:?}: {ending:?}"
            );
        });
    }
}
