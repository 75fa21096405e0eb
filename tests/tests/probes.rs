//! `fathom probe` of services that are none of Fathom's own making: plain echoes, ports that nobody has,
//! networks that come and go.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use fathom::link::tap::Namespace;
use suite::Capability;
use tests::fathom::Call;
use tests::qemu_lock::lock_qemu;
use tests::{network, process, timeouts};

/// A service in a thread, until it is dropped.
struct Service {
    address: SocketAddr,
    /// The number of its thread, by which its network is known.
    thread_id: i32,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<BTreeMap<SocketAddr, u64>>>,
}

impl Service {
    /// Answers at `address` with what `answer` makes of the request that has this number, from 1 on.
    fn start(address: &str, mut answer: impl FnMut(u64, &mut [u8]) + Send + 'static) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(timeouts::LOOK_AGAIN)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let (sender, thread_id) = mpsc::channel();
        let thread = thread::spawn(move || {
            sender
                .send(rustix::thread::gettid().as_raw_nonzero().get())
                .unwrap();
            let mut clients = BTreeMap::new();
            let mut buffer = [0; 2048];
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                // An error is that nothing came, or that an answer did not arrive.
                let Ok((len, client)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                number += 1;
                *clients.entry(client).or_default() += 1;
                answer(number, &mut buffer[..len]);
                let _ = socket.send_to(&buffer[..len], client);
            }
            clients
        });
        Self {
            address,
            thread_id: thread_id.recv().unwrap(),
            stop,
            thread: Some(thread),
        }
    }

    /// Ends it: how many requests came from where.
    fn clients(mut self) -> BTreeMap<SocketAddr, u64> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is ended once");
        thread.join().expect("it answers and counts")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Sends every request back as it is (RFC 862).
const fn echo(_: u64, _: &mut [u8]) {}

/// Answers as Fathom's service does.
fn reply(_: u64, datagram: &mut [u8]) {
    let _ = wire::handle(datagram, 7, 1000, || 1500);
}

#[test]
fn a_plain_echo_is_recognised_and_can_be_measured() {
    let lock = lock_qemu();
    let service = Service::start("127.0.0.1:0", echo);
    let address = service.address;

    let outcome = Call::probe(&format!("{address} --count 50 --warmup 0s")).finish(&lock);
    let text = "answers, but is not Fathom's service: it sends requests back unchanged";
    outcome.expect_failure(1, &[&address.to_string(), text, "--protocol echo"]);
    assert!(!outcome.file("out").exists(), "nothing was measured");

    let arguments = format!("{address} --count 50 --warmup 0s --timeout 20s --protocol echo");
    let outcome = Call::probe(&arguments).finish(&lock);
    let results = outcome.measured();
    let run = results.run();
    assert_eq!(run["protocol"], "echo");
    assert_eq!(results.count("corrupted"), 0, "{run:#}");
    assert_eq!((results.count("sent"), results.count("received")), (50, 50));
    assert!(run["latency_ns"]["p50"].is_number(), "{run:#}");
    assert!(run["service_ns"].is_null() && run["path_ns"].is_null());
    assert!(outcome.stdout.contains("protocol echo"), "{outcome:#?}");
    // A column that nothing is known for is none.
    let mut lines = outcome.stdout.lines();
    assert!(
        !lines.any(|line| line.starts_with("service") || line.contains("  service")),
        "{outcome:#?}"
    );
    let report = fs::read_to_string(outcome.file("out/report.md")).unwrap();
    assert!(!report.contains("| service |"), "{report}");
    // And it is read back.
    let out = outcome.file("out");
    let again = Call::new("report").with_argument(&out).finish(&lock);
    assert_eq!(again.code, Some(0), "{again:#?}");
}

#[test]
fn a_port_that_nobody_has_is_said_at_once() {
    let lock = lock_qemu();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    for arguments in ["", "--mode open --rate 0.2", "--flows 3"] {
        // A second of waiting would show in no test; a day would.
        let arguments = format!("{address} --duration 24h {arguments}");
        let outcome = Call::probe(&arguments).finish(&lock);
        let what = format!("nobody listens on {address} (port unreachable)");
        outcome.expect_failure(1, &[&what, "fathom serve"]);
        assert!(!outcome.file("out").exists(), "nothing was measured");
    }
}

#[test]
fn a_service_that_ends_meanwhile_is_said_to_be_gone() {
    let lock = lock_qemu();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let service = thread::spawn(move || {
        let mut buffer = [0; 2048];
        for number in 1..=30 {
            let (len, client) = socket.recv_from(&mut buffer).unwrap();
            reply(number, &mut buffer[..len]);
            socket.send_to(&buffer[..len], client).unwrap();
        }
    });
    let arguments = format!("{address} --warmup 0s --duration 1s --timeout 100ms");
    let outcome = Call::probe(&arguments).finish(&lock);
    service.join().unwrap();
    // Whether its few answers are valid is the host's to decide.
    assert!(matches!(outcome.code, Some(0 | 4)), "{outcome:#?}");
    let text = format!("the service at {address} does not answer any more: the last answer came");
    for text in [&text, "before the end of the measurement"] {
        assert!(outcome.stderr.contains(text), "{text}: {outcome:#?}");
    }
    assert!(outcome.file("out/result.json").exists(), "{outcome:#?}");
}

#[test]
fn requests_leave_from_the_requested_addresses_and_ports() {
    let lock = lock_qemu();
    let service = Service::start("127.0.0.1:0", reply);
    let address = service.address;
    let arguments = format!(
        "{address} --count 120 --warmup 0s --timeout 20s --flows 4 --bind 127.0.0.2 --interface lo --mode pipeline \
         --depth 8"
    );
    let results = Call::probe(&arguments).finish(&lock).measured();
    let run = results.run();
    assert_eq!((results.count("sent"), results.count("lost")), (120, 0));
    assert_eq!(
        (&run["bind"], &run["interface"]),
        (&"127.0.0.2".into(), &"lo".into())
    );
    assert_eq!(run["flows"], 4);
    let clients = service.clients();
    assert_eq!(clients.len(), 4, "{clients:?}");
    for (client, &requests) in &clients {
        assert_eq!(client.ip().to_string(), "127.0.0.2");
        assert!((30..=32).contains(&requests), "{clients:?}");
    }
    let outcome = Call::probe(&format!("{address} --bind ::1")).finish(&lock);
    outcome.expect_failure(2, &["::1", "IPv4"]);
    let outcome = Call::probe(&format!("{address} --interface nonesuch0")).finish(&lock);
    outcome.expect_failure(1, &["nonesuch0", "--interface"]);
}

/// Returns whether a network of the test's own can be made and changed; skips the calling test if not.
#[track_caller]
fn can_make_networks() -> bool {
    network::is_root() && process::is_installed("ip", Capability::Tap)
}

/// Runs ip(8) in the network of the calling thread.
fn ip(arguments: &str) {
    let status = Command::new("ip")
        .args(arguments.split_whitespace())
        .status();
    assert!(status.unwrap().success(), "ip {arguments}");
}

/// Runs `test` in a network that holds nothing but a loopback device, which is up.
fn in_a_network(test: impl FnOnce() + Send) {
    let namespace = Namespace::new().unwrap();
    namespace
        .inside(|| -> io::Result<()> {
            ip("link set lo up");
            test();
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_link_local_address_has_a_zone() {
    if !can_make_networks() {
        return;
    }
    let lock = lock_qemu();
    in_a_network(|| {
        ip("-6 address add fe80::5054:ff:fe12:3456/64 dev lo nodad");
        let service = Service::start("[fe80::5054:ff:fe12:3456%1]:0", reply);
        let port = service.address.port();
        let host = "fe80::5054:ff:fe12:3456";
        for address in [
            format!("[{host}%lo]:{port}"),
            format!("[{host}%1]:{port}"),
            format!("[{host}]:{port} --interface lo"),
        ] {
            let call = Call::probe(&format!("{address} --count 20 --warmup 0s --timeout 20s"));
            let results = call.finish(&lock).measured();
            assert_eq!(results.count("received"), 20, "{address}");
            assert_eq!(results.run()["address"], format!("[{host}%1]:{port}"));
        }
        let outcome = Call::probe(&format!("[{host}]:{port}")).finish(&lock);
        outcome.expect_failure(2, &[host, "link-local: add %interface"]);
        let outcome = Call::probe(&format!("[{host}%nonesuch0]:{port}")).finish(&lock);
        outcome.expect_failure(2, &["no interface nonesuch0"]);
        let long = format!("[{host}%lo]:{port} --payload 9169");
        let outcome = Call::probe(&long).finish(&lock);
        outcome.expect_failure(2, &["44 to 9168"]);
    });
}

/// Returns the number of datagrams that this network had no route for.
fn without_a_route() -> u64 {
    let counters = fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let mut lines = counters.lines().filter(|line| line.starts_with("Ip: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names
        .split_whitespace()
        .position(|name| name == "OutNoRoutes");
    let value = values.split_whitespace().nth(at.unwrap());
    value.unwrap().parse().unwrap()
}

#[test]
fn a_network_that_goes_and_comes_back_ends_no_run() {
    const COUNT: u64 = 20_000;
    if !can_make_networks() {
        return;
    }
    let lock = lock_qemu();
    in_a_network(|| {
        // The service is in another network, at the other end of a wire. After a few requests it falls
        // silent, so that there are some left, and speaks again when it is told to.
        let (is_silent, is_over) = (Arc::default(), Arc::default());
        let (silent, over) = (Arc::clone(&is_silent), Arc::clone(&is_over));
        let far = Namespace::new().unwrap();
        let start = || {
            Service::start("0.0.0.0:0", move |number, datagram| {
                reply(number, datagram);
                if number == 100 {
                    set(&silent);
                    wait_for("the network", &over);
                }
            })
        };
        let service = far.inside(|| Ok(start())).unwrap();
        let there = service.thread_id;
        ip(&format!(
            "link add near type veth peer name far netns {there}"
        ));
        ip("address add 10.9.0.1/24 dev near");
        ip("link set near up");
        let set_up_far = || {
            ip("address add 10.9.0.2/24 dev far");
            ip("link set far up");
            Ok(())
        };
        far.inside(set_up_far).unwrap();

        let port = service.address.port();
        let arguments = format!("10.9.0.2:{port} --count {COUNT} --warmup 0s --timeout 50ms");
        let running = Call::probe(&arguments).start(&lock);
        wait_for("the service's silence", &is_silent);
        ip("link set near down");
        timeouts::until(timeouts::ANSWER, "requests without a route", || {
            (without_a_route() > 10).then_some(())
        });
        ip("link set near up");
        set(&is_over);
        let results = running.finish().measured();
        let run = results.run();
        let errors = run["send_errors"]["ENETUNREACH"].as_u64().unwrap_or(0);
        // A request that fails is tried once more at once, should the error have been an earlier one's.
        assert!(errors >= 5, "{run:#}");
        // What never left is neither sent nor lost, and what came after is answered.
        assert_eq!(results.count("sent") + errors, COUNT, "{run:#}");
        assert!(results.count("received") > 100, "{run:#}");
    });
}

fn set(flag: &AtomicBool) {
    flag.store(true, Ordering::Relaxed);
}

fn wait_for(what: &str, flag: &AtomicBool) {
    let is_set = || flag.load(Ordering::Relaxed).then_some(());
    timeouts::until(timeouts::ANSWER, what, is_set);
}
