//! The guest's clock: as fast as the host's, however busy the host was while the guest booted.
#![forbid(unsafe_code)]

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tests::fathom::Call;
use tests::guest::Machine;
use tests::packet::{self, Body};
use tests::qemu_lock::{QemuLock, lock_qemu};
use tests::rate::{self, Bounds, Exchange};
use tests::station::request;
use tests::{soak, timeouts};
use wire::HEADER_LEN;

/// Largest error of the clock of a guest that `fathom` has told its counter's frequency, in parts per
/// million.
const TOLD_PPM: f64 = 50.0;

/// Largest error of the clock of a guest that had to measure its counter's frequency, in parts per
/// million: half of the widest bounds that the guest takes for a result (`kernel-app/src/arch/x86_64/timer.rs`).
const MEASURED_PPM: f64 = 2_500.0;

/// A reply that has not come by then is taken for lost.
const LOST: Duration = Duration::from_millis(200);

/// Threads that are busy while a guest boots.
const BUSY: usize = 4;

/// Does `boot` beside [`BUSY`] threads that want all of the processors.
fn beside_busy_threads<T>(boot: impl FnOnce() -> T) -> T {
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..BUSY {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        // Also if it panics.
        let _stop = Stop(&is_over);
        boot()
    })
}

/// The rate of the clock of the guest behind `address`, which may drop a datagram.
fn of_service(address: &str, narrow_ppm: f64) -> Bounds {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(LOST)).unwrap();
    let start = Instant::now();
    let now_ns = || start.elapsed().as_nanos() as u64;
    rate::bounds(narrow_ppm, |seq| {
        let request = request(seq, HEADER_LEN);
        let mut reply = [0; 2048];
        let t1_ns = now_ns();
        socket.send(&request).ok()?;
        // Late replies to requests that were given up come in between.
        loop {
            let len = socket.recv(&mut reply).ok()?;
            let exchange = rate::of_reply(seq, t1_ns, &reply[..len], now_ns());
            if exchange.is_some() {
                return exchange;
            }
        }
    })
}

/// The rate of the clock of a guest that `fathom serve` boots.
fn served(lock: &QemuLock, arguments: &str, narrow_ppm: f64) -> Bounds {
    let (running, address) = beside_busy_threads(|| {
        let mut running = Call::serve(&format!("--accel tcg {arguments}")).start(lock);
        let greeting = running.wait_for_output("127.0.0.1:");
        let mut words = greeting.split_whitespace();
        let address = words.find(|word| word.starts_with("127.0.0.1:"));
        (running, address.expect("it was waited for").to_owned())
    });
    let bounds = of_service(&address, narrow_ppm);
    running.interrupt();
    assert_eq!(running.finish().code, Some(0));
    bounds
}

/// The rate of the clock of a guest that nobody has told anything.
fn left_alone(lock: &QemuLock, machine: Machine<'_>) -> Bounds {
    let mut guest = beside_busy_threads(|| {
        let mut guest = machine.start(lock);
        guest.ready();
        guest
    });
    let start = Instant::now();
    let now_ns = || start.elapsed().as_nanos() as u64;
    let station = &mut guest.station;
    let flow = station.to_service();
    rate::bounds(200.0, |seq| -> Option<Exchange> {
        let frame = flow.udp(&request(seq, HEADER_LEN));
        let t1_ns = now_ns();
        station.send(&frame);
        let answer = station.receive(timeouts::ANSWER)?;
        let t4_ns = now_ns();
        match packet::parse(&answer).ok()?.body {
            Body::Udp { payload, .. } => rate::of_reply(seq, t1_ns, &payload, t4_ns),
            _ => None,
        }
    })
}

#[test]
fn a_guest_that_fathom_boots_on_a_busy_host_has_the_hosts_clock() {
    let lock = lock_qemu();
    for boot in 0..soak::count("FATHOM_CLOCK_BOOTS", 1) {
        let bounds = served(&lock, "", 60.0);
        println!("boot {boot}: {bounds:.1?}");
        assert!(bounds.allow(TOLD_PPM), "boot {boot}: {bounds:?}");
    }
}

#[test]
fn a_guest_on_hermits_own_sockets_has_the_hosts_clock_too() {
    let lock = lock_qemu();
    let port = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let load = "--mode open --rate 10 --duration 60s --warmup 0s";
    let arguments = format!(
        "run --out out --accel tcg --target hermit-sockets --link user --host-port {port} {load}"
    );
    let address = format!("127.0.0.1:{port}");
    // It is measured as well, which takes little of it and keeps it up.
    let running = beside_busy_threads(|| {
        let running = Call::new(&arguments).start(&lock);
        of_service(&address, f64::INFINITY);
        running
    });
    let bounds = of_service(&address, 500.0);
    running.signal(Signal::KILL);
    let _ = running.finish_abruptly();
    println!("on Hermit's sockets: {bounds:.1?}");
    assert!(bounds.allow(TOLD_PPM), "{bounds:?}");
}

#[test]
fn a_boot_argument_gives_a_guest_another_frequency() {
    let lock = lock_qemu();
    // Every counter since the first 64-bit processors is faster, so the clock is too fast.
    let bounds = served(&lock, "--boot-arg tsc_khz=1000000", 10_000.0);
    assert!(bounds.low_ppm > 100_000.0, "{bounds:?}");
}

#[test]
fn a_guest_that_measures_its_counter_on_a_busy_host_is_not_far_off() {
    let lock = lock_qemu();
    let machines = [
        Machine::new("ip=10.0.2.15/24"),
        Machine {
            board: "q35",
            ..Machine::new("ip=10.0.2.15/24")
        },
    ];
    for boot in 0..soak::count("FATHOM_CLOCK_BOOTS", 2) {
        let machine = machines[boot as usize % machines.len()];
        let bounds = left_alone(&lock, machine);
        println!("{}: {bounds:.1?}", machine.board);
        assert!(bounds.allow(MEASURED_PPM), "{}: {bounds:?}", machine.board);
    }
}
